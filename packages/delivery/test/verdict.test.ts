import { judge, releaseClaim } from '../src/index.js';
import { LANE, MESSAGE } from '@mersal/ledger';
import { type OutcomeClass, outcomeClasses, type SendOutcome } from '@mersal/twilio-gateway';
import { describe, expect, it } from 'vitest';

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
  credentials: 3,
  sender: 'whatsapp:+14155238886',
  lastError: null,
};
const to = { recipient: 'b'.repeat(32), address: 'whatsapp:+966500000000', namesTemplate: false };
const policy = { attempts: 3, backoffMs: 2000, maxAgeMs: 86_400_000 };

function verdict(
  outcomeClass: OutcomeClass,
  more: Partial<SendOutcome> = {},
  retries = 0,
  given: { claim?: Partial<typeof claim | { lastError: string | null }>; to?: Partial<typeof to> } = {},
) {
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
    claim: { ...claim, retries, ...given.claim },
    outcome,
    to: { ...to, ...given.to },
    startedAt: 1000,
    finishedAt: 2000,
    by: { policy, random: () => 0, limitOf: () => 'recipient' },
  });
}

describe('the verdict on an attempt', () => {
  it('accepted: sent, and the conversation goes on', () => {
    expect(verdict('accepted', { sid: 'SM1' })).toMatchObject({
      state: MESSAGE.sent,
      onward: 'advance',
      sid: 'SM1',
      counted: false,
      event: 'sent',
    });
  });
  it('ambiguous: unknown, never repeated blindly', () => {
    expect(verdict('ambiguous')).toMatchObject({
      state: MESSAGE.unknown,
      onward: LANE.unknown,
      event: 'unknown',
    });
  });
  it.each(['throttled', 'paused', 'not_sent', 'transient'] as const)(
    '%s: repeated at the head of its conversation',
    (name) => {
      expect(verdict(name)).toMatchObject({
        state: MESSAGE.retrying,
        onward: LANE.retrying,
        due: 4000,
        counted: true,
      });
    },
  );
  it('what burns no attempt is not counted, and outlasts the retries', () => {
    expect(verdict('throttled', { countsAttempt: false }, 3)).toMatchObject({
      state: MESSAGE.retrying,
      counted: false,
    });
    expect(verdict('transient', {}, 3)).toMatchObject({
      state: MESSAGE.dead,
      detail: { reason: 'retries_exhausted' },
    });
  });
  it('waits as long as the provider asks', () => {
    expect(verdict('throttled', { retryAfterMs: 60_000 }).due).toBe(62_000);
    expect(verdict('paused', { pause: { scope: 'sender', minMs: 6_000, maxMs: 60_000 } }).due).toBe(8_000);
  });
  it('an account at fault holds the message and suspends the restaurant', () => {
    expect(verdict('tenant_suspended', { code: 20003 })).toMatchObject({
      state: MESSAGE.waiting,
      onward: LANE.open,
      event: null,
      effects: [{ kind: 'suspend', tenant: 1, accountSid: 'AC1', credentials: 3, reason: '20003 said so' }],
    });
  });
  it('a limit pauses the number or the restaurant; one recipient of it only waits', () => {
    const span = { minMs: 6_000, maxMs: 60_000 };
    expect(verdict('paused', { pause: { scope: 'sender', ...span } }).effects).toMatchObject([
      { kind: 'pause', sender: 'whatsapp:+14155238886', ...span },
    ]);
    expect(verdict('paused', { pause: { scope: 'account', ...span } }).effects).toMatchObject([
      { kind: 'pause', sender: null },
    ]);
    expect(verdict('paused', { pause: { scope: 'recipient_or_sender', ...span } }).effects).toEqual([]);
  });
  it('an opt-out is remembered with the message that found it', () => {
    expect(verdict('opted_out', { code: 21610 })).toMatchObject({
      state: MESSAGE.dead,
      detail: { reason: 'opted_out' },
      effects: [{ kind: 'suppress', recipient: to.recipient, address: to.address, u: claim.u }],
    });
  });
  it('a named template that is gone is looked up once more, then never again', () => {
    const gone = (lastError: string | null, namesTemplate: boolean) =>
      verdict('template_gone', {}, 0, { claim: { lastError }, to: { namesTemplate } }).state;
    expect(gone(null, true)).toBe(MESSAGE.retrying);
    expect(gone('template_gone', true)).toBe(MESSAGE.dead);
    expect(gone(null, false)).toBe(MESSAGE.dead);
  });
  it('a marketing limit is never repeated in North America, elsewhere with growing delays', () => {
    expect(verdict('marketing', {}, 0, { to: { address: 'whatsapp:+12025550100' } }).state).toBe(
      MESSAGE.dead,
    );
    expect(verdict('marketing', {}, 0).due).toBe(2_000 + 3_600_000);
    expect(verdict('marketing', {}, 1).due).toBe(2_000 + 4 * 3_600_000);
  });
  it('knows every class, and dead ones say why', () => {
    for (const name of Object.keys(outcomeClasses) as OutcomeClass[]) {
      const settlement = verdict(name);
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
