import type { SendRequested } from '@mersal/contracts';
import { LANE, MESSAGE, type Settlement } from '@mersal/ledger';
import { describe, expect, it } from 'vitest';
import { directReply } from '../src/direct/direct-answer.js';
import { later, settledAs, unclaimed } from '../src/direct/direct-result.js';
import { withoutQueue } from '../src/direct/direct-settlement.js';
import { Problem } from '../src/problems/problem.js';

const SEND = {
  messageId: 'm1',
  restaurantId: 'zafran',
  conversationId: 'c',
  priority: 5,
  acceptedAt: 1_800_000_000_000,
} as SendRequested;

function settlement(more: Partial<Settlement>): Settlement {
  return {
    tenant: 1,
    lane: '1',
    u: 'u',
    slot: 0,
    attempt: 1,
    redrive: 0,
    state: MESSAGE.retrying,
    onward: LANE.retrying,
    counted: true,
    accountSid: 'AC1',
    outcome: 'transient',
    errorClass: 'transient',
    startedAt: 1,
    finishedAt: 2,
    event: 'retrying',
    detail: {},
    ...more,
  };
}

function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('it was no problem');
}

describe('what is settled without the queue', () => {
  it.each([
    ['a retry', settlement({}), MESSAGE.refused],
    ['a suspended account', settlement({ state: MESSAGE.waiting, onward: LANE.open }), MESSAGE.refused],
    ['tired of trying', settlement({ state: MESSAGE.dead, detail: { reason: 'too_old' } }), MESSAGE.refused],
    ['rejected', settlement({ state: MESSAGE.dead, detail: { reason: 'opted_out' } }), MESSAGE.dead],
    ['accepted', settlement({ state: MESSAGE.sent, sid: 'SM1' }), MESSAGE.sent],
    ['in doubt', settlement({ state: MESSAGE.unknown, onward: LANE.unknown }), MESSAGE.unknown],
  ])('%s', (_name, given, state) => {
    const settled = withoutQueue(given);
    expect(settled.state).toBe(state);
    if (state !== MESSAGE.refused) expect(settled).toBe(given);
    else expect(settled).toMatchObject({ event: null, onward: 'advance', errorClass: 'transient' });
  });
});

describe('what the caller hears', () => {
  const now = 1_000;
  it('of a known message: its SID, that it is on its way, or that it is over', () => {
    const known = (state: number, sid: string | null = null, sameBody: boolean | null = true) =>
      unclaimed({ kind: 'known', state: state as never, sid, sameBody }, now);
    expect(known(MESSAGE.delivered, 'SM1')).toEqual({ kind: 'sent', sid: 'SM1' });
    expect(known(MESSAGE.direct)).toEqual({ kind: 'unknown' });
    expect(known(MESSAGE.unknown)).toEqual({ kind: 'unknown' });
    for (const state of [MESSAGE.waiting, MESSAGE.retrying, MESSAGE.scheduled, MESSAGE.held])
      expect(known(state)).toEqual({ kind: 'queued' });
    expect(known(MESSAGE.dead)).toMatchObject({ kind: 'rejected' });
    expect(known(MESSAGE.cancelled)).toEqual({ kind: 'over', state: 'cancelled' });
    expect(known(MESSAGE.sent, 'SM1', false)).toEqual({ kind: 'reused' });
  });

  it('of an attempt: when to come back, and why it will not help', () => {
    expect(settledAs(withoutQueue(settlement({ due: 4_000 })), now)).toMatchObject({
      kind: 'later',
      why: 'provider',
      afterMs: 3_000,
    });
    expect(settledAs(withoutQueue(settlement({ outcome: null })), now)).toMatchObject({ why: 'rate' });
    const error = { class: 'recipient', message: 'not a WhatsApp number', code: 63_024 };
    expect(settledAs(settlement({ state: MESSAGE.dead, detail: { error } }), now)).toEqual({
      kind: 'rejected',
      detail: 'not a WhatsApp number (63024)',
    });
  });

  it('as statuses', () => {
    expect(directReply(SEND, { kind: 'sent', sid: 'SM1' })).toMatchObject({
      status: 200,
      body: { status: 'sent', sid: 'SM1' },
    });
    expect(directReply(SEND, { kind: 'unknown' })).toMatchObject({
      status: 202,
      body: { status: 'unknown' },
    });
    const code = (result: Parameters<typeof directReply>[1]) =>
      problemOf(() => directReply(SEND, result)).code;
    expect(code({ kind: 'rejected', detail: '' })).toBe('provider_rejected');
    expect(code({ kind: 'over', state: 'expired' })).toBe('conflict');
    expect(code({ kind: 'reused' })).toBe('idempotency_key_reused');
    expect(code(later('slots', ''))).toBe('rate_limited');
    expect(code(later('paused', ''))).toBe('provider_unavailable');
    const wait = (ms: number | undefined) =>
      problemOf(() => directReply(SEND, later('paused', '', ms))).details.headers?.['retry-after'];
    expect([wait(undefined), wait(10), wait(61_001), wait(1e9)]).toEqual(['2', '1', '62', '3600']);
  });
});
