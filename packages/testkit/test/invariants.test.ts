import {
  checkConcurrency,
  checkNoDouble,
  checkNoLoss,
  checkOrder,
  checkRate,
  type PostedSend,
  type SeenRequest,
} from '@mersal/testkit';
import { describe, expect, it } from 'vitest';

let n = 0;
const send = (id: string, more: Partial<PostedSend> = {}): PostedSend => ({
  id,
  restaurantId: 'r',
  conversation: 'c',
  priority: 5,
  ...more,
});
const seen = (messageId: string, more: Partial<SeenRequest> = {}): SeenRequest => ({
  receivedAt: (n += 1),
  finishedAt: n,
  account: 'AC1',
  to: 'x',
  body: 'y',
  status: 201,
  sid: `SM${n}`,
  messageId,
  attempt: 1,
  ...more,
});

describe('the checkers see planted violations, and nothing where there is none', () => {
  it('loss', () => {
    expect(checkNoLoss([send('a'), send('b')], [seen('a')], new Map([['b', 'sent']]))).toHaveLength(1);
    expect(checkNoLoss([send('a'), send('b')], [seen('a')], new Map([['b', 'cancelled']]))).toEqual([]);
    expect(checkNoLoss([send('a')], [seen('a', { sid: null })], new Map())).toHaveLength(1);
  });
  it('double sends', () => {
    expect(checkNoDouble([seen('a'), seen('a')])).toHaveLength(1);
    expect(checkNoDouble([seen('a', { sid: null }), seen('a')])).toEqual([]);
    expect(checkNoDouble([seen('a', { sid: 'SMx' }), seen('a')], new Set(['SMx']))).toEqual([]);
  });
  it('order', () => {
    expect(checkOrder([send('a'), send('b')], [seen('b'), seen('a')])).toHaveLength(1);
    expect(checkOrder([send('a'), send('b')], [seen('a', { sid: null }), seen('a'), seen('b')])).toEqual([]);
    expect(checkOrder([send('a'), send('b', { priority: 9 })], [seen('b'), seen('a')])).toEqual([]);
    expect(checkOrder([send('a'), send('b', { conversation: 'd' })], [seen('b'), seen('a')])).toEqual([]);
  });
  it('concurrency', () => {
    const at = (receivedAt: number, finishedAt: number | null) => seen('a', { receivedAt, finishedAt });
    expect(checkConcurrency([at(0, 10), at(5, 15), at(9, 20)], 2, 1_000)).toHaveLength(1);
    expect(checkConcurrency([at(0, 10), at(5, 15), at(10, 20)], 2, 1_000)).toEqual([]);
    expect(checkConcurrency([at(0, null), at(5, null), at(9, 20)], 2, 1_000)).toHaveLength(1);
    expect(checkConcurrency([at(0, null), at(2_000, null)], 1, 1_000)).toEqual([]);
  });
  it('rate', () => {
    const at = (moments: number[]) => moments.map((receivedAt) => seen('a', { receivedAt }));
    expect(checkRate(at([0, 500, 999]), 2)).toHaveLength(1);
    expect(checkRate(at([0, 500, 1_000]), 2)).toEqual([]);
  });
});
