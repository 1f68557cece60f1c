import { randomBytes } from 'node:crypto';
import { messageId, parseIdKeys, parseMessageId, randomU } from '@mersal/contracts';
import type { MessageView } from '@mersal/ledger';
import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../src/messages/cursor.js';
import { FindMessage } from '../src/messages/find-message.js';
import { LogEnds } from '../src/messages/log-ends.js';
import { messageBody } from '../src/messages/message-body.js';
import { timelineOf } from '../src/messages/timeline.js';
import { Problem } from '../src/problems/problem.js';

const U = randomU();
const view: MessageView = {
  u: U,
  tag: '1aaaaaaaaaaaa',
  restaurantId: 'r1',
  conversation: 'c1',
  priority: 5,
  status: 'dead',
  acceptedAt: 1_000,
  changedAt: 9_000,
  sendAt: null,
  expiresAt: null,
  sid: null,
  redrive: 0,
  erased: false,
  error: { class: 'opted_out', code: 21610 },
  attempts: [
    {
      attempt: 1,
      startedAt: 2_000,
      finishedAt: 2_100,
      outcome: 'throttled',
      httpStatus: 429,
      code: 20429,
      sid: null,
    },
    {
      attempt: 2,
      startedAt: 5_000,
      finishedAt: null,
      outcome: 'sending',
      httpStatus: null,
      code: null,
      sid: null,
    },
  ],
  callbacks: [{ status: 'sent', sid: 'SM1', code: null, receivedAt: 2_050 }],
  record: null,
  headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
};

describe('the timeline', () => {
  it('is in the order of time, with the end that no attempt tells', () => {
    expect(timelineOf(view).map(({ at, event }) => `${Date.parse(at)} ${event}`)).toEqual([
      '1000 accepted',
      '2000 attempt',
      '2050 callback sent',
      '2100 outcome',
      '5000 attempt',
      '9000 dead',
    ]);
  });

  it('has no end of a message that goes on', () => {
    expect(timelineOf({ ...view, status: 'delivered' }).at(-1)?.event).toBe('attempt');
  });
});

it('a message without its record is shown by what is known', () => {
  expect(messageBody(view)).toMatchObject({
    id: `${U}-1aaaaaaaaaaaa`,
    status: 'dead',
    metadata: null,
    traceId: '0af7651916cd43dd8448eb211c80319c',
    acceptedAt: '1970-01-01T00:00:01.000Z',
  });
  expect(messageBody({ ...view, conversation: '' }).conversationId).toBeNull();
});

describe('a cursor', () => {
  it('comes back as it was', () => {
    expect(decodeCursor(encodeCursor({ acceptedAt: 1_700_000_000_123, u: U }))).toEqual({
      acceptedAt: 1_700_000_000_123,
      u: U,
    });
  });

  it.each([
    '',
    'x',
    'MTIz',
    encodeCursor({ acceptedAt: 1, u: 'zz' }),
    `${encodeCursor({ acceptedAt: 1, u: U })}AA`,
  ])('is refused where it is none: %s', (text) => {
    expect(() => decodeCursor(text)).toThrow(Problem);
  });
});

describe('the ends of the log', () => {
  it('as of now are never older than the question', async () => {
    let calls = 0;
    const pending: (() => void)[] = [];
    const ends = new LogEnds(
      {
        endOffsets: () => {
          calls += 1;
          const end = BigInt(calls * 10);
          return new Promise((resolve) => pending.push(() => resolve(new Map([[0, end]]))));
        },
      },
      't',
    );
    const first = ends.asOfNow(0);
    const [second, third] = [ends.asOfNow(0), ends.asOfNow(0)];
    pending[0]?.();
    expect(await first).toBe(10n);
    expect(calls).toBe(2);
    pending[1]?.();
    expect([await second, await third]).toEqual([20n, 20n]);
    expect(calls).toBe(2);
    expect(ends.atLeast(0)).toBe(20n);
    expect(ends.atLeast(1)).toBe(0n);
  });

  it('are asked for again after a failure, also by those that waited for it', async () => {
    let calls = 0;
    const ends = new LogEnds(
      {
        endOffsets: () => {
          calls += 1;
          return calls === 1 ? Promise.reject(new Error('away')) : Promise.resolve(new Map([[0, 7n]]));
        },
      },
      't',
    );
    const [first, second] = [ends.asOfNow(0), ends.asOfNow(0)];
    await expect(first).rejects.toThrow('away');
    expect(await second).toBe(7n);
  });
});

describe('finding a message', () => {
  const idKeys = parseIdKeys(`1:${randomBytes(32).toString('base64')}`);
  const restaurant = { id: 1, restaurantId: 'r1', partition: 0, fromNumbers: [] };
  const id = messageId(idKeys, 'r1', U);
  const filed = { ...view, tag: parseMessageId(id)?.tag ?? '' };
  const finder = (views: (MessageView | undefined)[], admitted: bigint, end: bigint | Error) =>
    new FindMessage({
      ledger: {
        readMessage: () => Promise.resolve(views.length > 1 ? views.shift() : views[0]),
        admittedOffset: () => Promise.resolve(admitted),
      },
      ends: {
        atLeast: () => 0n,
        asOfNow: () => (end instanceof Error ? Promise.reject(end) : Promise.resolve(end)),
      },
      idKeys,
      timeoutMs: 1_000,
    });

  it('that is filed', async () => {
    expect((await finder([filed], 0n, 0n).find(restaurant, id)).state).toBe('filed');
  });
  it('whose tag is of a key that is gone: its row is the proof', async () => {
    const old = `${U}-9bbbbbbbbbbbb`;
    expect((await finder([{ ...view, tag: '9bbbbbbbbbbbb' }], 0n, 0n).find(restaurant, old)).state).toBe(
      'filed',
    );
    expect((await finder([filed], 0n, 0n).find(restaurant, old)).state).toBe('absent');
  });
  it('of which only the log may know', async () => {
    expect((await finder([undefined], 4n, 5n).find(restaurant, id)).state).toBe('pending');
  });
  it('that admission has passed: it is nowhere', async () => {
    expect((await finder([undefined], 5n, 5n).find(restaurant, id)).state).toBe('absent');
  });
  it('that was filed between two looks', async () => {
    expect((await finder([undefined, filed], 5n, 5n).find(restaurant, id)).state).toBe('filed');
  });
  it('with a forged tag asks nobody', async () => {
    const forged = `${U}-1${'0'.repeat(12)}`;
    expect((await finder([undefined], 0n, 5n).find(restaurant, forged)).state).toBe('absent');
    expect((await finder([undefined], 0n, 5n).find({ ...restaurant, restaurantId: 'r2' }, id)).state).toBe(
      'absent',
    );
  });
  it('while Kafka is away says so instead of guessing', async () => {
    await expect(finder([undefined], 5n, new Error('away')).find(restaurant, id)).rejects.toMatchObject({
      code: 'queue_unavailable',
    });
  });
});
