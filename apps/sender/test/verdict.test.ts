import { LANE, MESSAGE } from '@mersal/ledger';
import { type OutcomeClass, outcomeClasses, type SendOutcome } from '@mersal/twilio-gateway';
import { describe, expect, it } from 'vitest';
import { judge, releaseClaim } from '../src/delivery/verdict.js';

const claim = {
  tenant: 1,
  lane: '7',
  u: 'a'.repeat(32),
  slot: 2,
  attempt: 1,
  redrive: 0,
  retries: 0,
  acceptedAt: 0,
  accountSid: 'AC1',
};
const policy = { attempts: 3, backoffMs: 2000, maxAgeMs: 86_400_000 };

function verdict(outcomeClass: OutcomeClass, more: Partial<SendOutcome> = {}, retries = 0) {
  const outcome = {
    class: outcomeClass,
    action: 'retry',
    cause: 'http',
    known: true,
    countsAttempt: true,
    message: 'said so',
    elapsedMs: 10,
    ...more,
  } as SendOutcome;
  return judge({
    claim: { ...claim, retries },
    outcome,
    startedAt: 1000,
    finishedAt: 2000,
    policy,
    random: () => 0,
  });
}

describe('the verdict on an attempt', () => {
  it('accepted: sent, and the conversation goes on', () => {
    expect(verdict('accepted', { sid: 'SM1' }).settlement).toMatchObject({
      state: MESSAGE.sent,
      onward: 'advance',
      sid: 'SM1',
      counted: false,
      event: 'sent',
    });
  });
  it('ambiguous: unknown, never repeated blindly', () => {
    expect(verdict('ambiguous').settlement).toMatchObject({
      state: MESSAGE.unknown,
      onward: LANE.unknown,
      event: 'unknown',
    });
  });
  it.each(['throttled', 'paused', 'not_sent', 'transient'] as const)(
    '%s: repeated at the head of its conversation',
    (name) => {
      expect(verdict(name).settlement).toMatchObject({
        state: MESSAGE.retrying,
        onward: LANE.retrying,
        due: 4000,
        counted: true,
      });
    },
  );
  it('what burns no attempt is not counted, and outlasts the retries', () => {
    expect(verdict('throttled', { countsAttempt: false }, 3).settlement).toMatchObject({
      state: MESSAGE.retrying,
      counted: false,
    });
    expect(verdict('transient', {}, 3).settlement).toMatchObject({
      state: MESSAGE.dead,
      detail: { reason: 'retries_exhausted' },
    });
  });
  it('waits as long as the provider asks', () => {
    expect(verdict('throttled', { retryAfterMs: 60_000 }).settlement.due).toBe(62_000);
    expect(
      verdict('paused', { pause: { scope: 'sender', minMs: 6_000, maxMs: 60_000 } }).settlement.due,
    ).toBe(8_000);
  });
  it('an account at fault holds the message and suspends the restaurant', () => {
    const { settlement, suspend } = verdict('tenant_suspended', { code: 20003 });
    expect(settlement).toMatchObject({ state: MESSAGE.waiting, onward: LANE.open, event: null });
    expect(suspend).toContain('20003');
  });
  it('knows every class, and dead ones say why', () => {
    for (const name of Object.keys(outcomeClasses) as OutcomeClass[]) {
      const { settlement } = verdict(name);
      if (settlement.state === MESSAGE.dead)
        expect(settlement.detail['reason']).toMatch(/^(provider_rejected|opted_out|template_unusable)$/);
    }
  });
  it('a release gives everything back and leaves no attempt behind', () => {
    expect(releaseClaim(claim, 5)).toMatchObject({
      state: MESSAGE.waiting,
      onward: LANE.open,
      outcome: null,
      event: null,
      counted: false,
    });
  });
});
