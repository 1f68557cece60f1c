import { randomBytes } from 'node:crypto';
import { encodeEvent, encodeHeaders, parseIdKeys } from '@mersal/contracts';
import type { MessageView } from '@mersal/ledger';
import { describe, expect, it } from 'vitest';
import { toSendRequested } from '../src/sends/accepted-send.js';
import { Idempotency, idempotencyKeyOf } from '../src/sends/idempotency.js';
import { KnownHashes } from '../src/sends/known-hashes.js';

const idKeys = parseIdKeys(`1:${randomBytes(32).toString('base64')}`);
const restaurant = { id: 1, restaurantId: 'r1', partition: 0, fromNumbers: ['whatsapp:+14155238886'] };
const send = (text: string) =>
  toSendRequested(idKeys, {
    restaurant,
    body: { phoneNumber: '+966501234567', text },
    idempotencyKey: 'k',
    now: 0,
  });
const logger = { debug: () => undefined };
const filed = (text: string): Promise<MessageView> => {
  const data = send(text);
  return Promise.resolve({
    record: encodeEvent('mersal.send.requested.v1', data),
    headers: encodeHeaders({ id: data.messageId, type: 'mersal.send.requested.v1', source: 'x', time: 0 }),
  } as unknown as MessageView);
};

describe('the key', () => {
  it.each(['order-1', '!', '~'.repeat(255)])('%s', (key) => expect(idempotencyKeyOf(key)).toBe(key));
  it.each(['', 'a b', 'طلب', 'x'.repeat(256)])('is refused: %s', (key) => {
    expect(() => idempotencyKeyOf(key)).toThrow('Idempotency-Key');
  });
  it('may be missing', () => expect(idempotencyKeyOf(undefined)).toBeUndefined());
});

describe('another body under a key', () => {
  const nothing = { readMessage: () => Promise.resolve(undefined) };

  it('is found while this process remembers', async () => {
    const idempotency = new Idempotency({ ledger: nothing, logger });
    expect(await idempotency.agrees(1, send('a'))).toBe(true);
    expect(await idempotency.agrees(1, send('a'))).toBe(true);
    expect(await idempotency.agrees(1, send('b'))).toBe(false);
    idempotency.withdraw(send('b'));
    expect(await idempotency.agrees(1, send('b'))).toBe(false);
    idempotency.withdraw(send('a'));
    expect(await idempotency.agrees(1, send('b'))).toBe(true);
  });

  it('is found in the ledger', async () => {
    const idempotency = new Idempotency({ ledger: { readMessage: () => filed('a') }, logger });
    expect(await idempotency.agrees(1, send('b'))).toBe(false);
    expect(await idempotency.agrees(1, send('a'))).toBe(true);
  });

  it('at the same time: one of them wins', async () => {
    const idempotency = new Idempotency({ ledger: nothing, logger });
    const answers = await Promise.all([idempotency.agrees(1, send('a')), idempotency.agrees(1, send('b'))]);
    expect(answers.filter(Boolean)).toHaveLength(1);
  });

  it('is left to admission where the ledger is away', async () => {
    const idempotency = new Idempotency({
      ledger: { readMessage: () => Promise.reject(new Error('away')) },
      logger,
    });
    expect(await idempotency.agrees(1, send('a'))).toBe(true);
  });
});

it('what is remembered is bounded', () => {
  const known = new KnownHashes(2);
  for (const id of ['a', 'b', 'c']) known.remember(id, id);
  expect([known.get('a'), known.get('b'), known.get('c')]).toEqual([undefined, 'b', 'c']);
  expect(known.remember('c', 'x')).toBe(false);
  expect(known.get('c')).toBe('c');
});
