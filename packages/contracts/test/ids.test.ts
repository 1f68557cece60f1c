import {
  defaultConversationId,
  idempotentU,
  joinMessageId,
  messageId,
  parseIdKeys,
  parseMessageId,
  randomU,
  verifyMessageId,
} from '@mersal/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const secret = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const first = parseIdKeys(`1:${secret(1)}`);
const both = parseIdKeys(`1:${secret(1)},2:${secret(2)}`);
const second = parseIdKeys(`2:${secret(2)}`);
const restaurant = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/);
const idempotencyKey = fc.string({ minLength: 1, maxLength: 255 });

describe('a message id', () => {
  it('has one form, and comes apart into what it was made of', () => {
    fc.assert(
      fc.property(restaurant, idempotencyKey, (r, key) => {
        const u = idempotentU(r, key);
        const id = messageId(both, r, u);
        expect(id).toMatch(/^[0-9a-f]{32}-2[0-9a-f]{12}$/);
        const parts = parseMessageId(id);
        expect(parts?.u).toBe(u);
        expect(joinMessageId(u, parts?.tag ?? '')).toBe(id);
      }),
    );
  });
  it('is genuine for its restaurant and for no other', () => {
    fc.assert(
      fc.property(restaurant, restaurant, (r, other) => {
        fc.pre(r !== other);
        const id = messageId(first, r, randomU());
        expect(verifyMessageId(first, r, id)).toBe(true);
        expect(verifyMessageId(first, other, id)).toBe(false);
      }),
    );
  });
  it('is not genuine with any digit changed', () => {
    const id = messageId(first, 'r1', idempotentU('r1', 'order-1'));
    for (let at = 0; at < id.length; at += 1) {
      if (id[at] === '-') continue;
      const changed = `${id.slice(0, at)}${id[at] === '0' ? '1' : '0'}${id.slice(at + 1)}`;
      expect(verifyMessageId(first, 'r1', changed), `digit ${at}`).toBe(false);
    }
  });
  it.each([
    '',
    'x',
    `${'0'.repeat(32)}-1${'0'.repeat(11)}`,
    `${'A'.repeat(32)}-1${'0'.repeat(12)}`,
    '0'.repeat(32),
  ])('is not "%s"', (text) => {
    expect(parseMessageId(text)).toBe(undefined);
    expect(verifyMessageId(first, 'r1', text)).toBe(false);
  });
});

describe('u', () => {
  it('of a repeat is the same, whatever key signs', () => {
    fc.assert(
      fc.property(restaurant, idempotencyKey, (r, key) => {
        const u = idempotentU(r, key);
        const before = messageId(first, r, u);
        const after = messageId(both, r, idempotentU(r, key));
        expect(parseMessageId(after)?.u).toBe(parseMessageId(before)?.u);
        expect(after).not.toBe(before);
      }),
    );
  });
  it('tells restaurants and keys apart, also where their texts run together', () => {
    fc.assert(
      fc.property(restaurant, idempotencyKey, restaurant, idempotencyKey, (r1, k1, r2, k2) => {
        fc.pre(r1 !== r2 || k1 !== k2);
        expect(idempotentU(r1, k1)).not.toBe(idempotentU(r2, k2));
      }),
    );
    expect(idempotentU('r1', '2')).not.toBe(idempotentU('r12', ''));
  });
  it('at random is new each time, and grows', () => {
    const made = Array.from({ length: 1_000 }, randomU);
    expect(new Set(made).size).toBe(1_000);
    expect(made.toSorted()).toEqual(made);
  });
});

describe('turning keys over', () => {
  it('leaves ids of known keys genuine, and ends those of a key that is gone', () => {
    const id = messageId(first, 'r1', randomU());
    expect(verifyMessageId(both, 'r1', id)).toBe(true);
    expect(verifyMessageId(second, 'r1', id)).toBe(false);
  });
  it('does not change the conversation of two numbers', () => {
    const conversation = (keys: typeof first) =>
      defaultConversationId(keys, 'r1', 'whatsapp:+14155238886', 'whatsapp:+966500000000');
    expect(conversation(both)).toBe(conversation(first));
    expect(conversation(first)).toMatch(/^c_[0-9a-f]{24}$/);
    expect(conversation(first)).not.toMatch(/966500000000|14155238886/);
  });
  it.each([
    ['', /version/],
    ['12:' + secret(1), /version/],
    [`1:${Buffer.alloc(31).toString('base64')}`, /1 is not 32 bytes/],
    [`1:${secret(1)},2:`, /2 is not 32 bytes/],
  ])('refuses "%s"', (text, why) => expect(() => parseIdKeys(text)).toThrow(why));
});
