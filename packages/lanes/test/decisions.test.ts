import { PROVIDER_STATUSES } from '@mersal/contracts';
import { Breaker, BREAKER, outranks, reportedState, scheduleRetry } from '@mersal/lanes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const policy = { attempts: 3, backoffMs: 2000, maxAgeMs: 86_400_000 };
const failure = { used: 0, counts: true, attempt: 1, acceptedAt: 0, now: 0 };

describe('the retry schedule', () => {
  it('waits 2, 4, 8 s with a little jitter, then gives up', () => {
    const delays = [0, 1, 2].map((used) => scheduleRetry(policy, { ...failure, used }, () => 0));
    expect(delays).toEqual([2000, 4000, 8000].map((at) => ({ kind: 'retry', at })));
    expect(scheduleRetry(policy, { ...failure, used: 3 }, () => 0)).toEqual({
      kind: 'give_up',
      reason: 'retries_exhausted',
    });
    expect(scheduleRetry(policy, failure, () => 0.999)).toMatchObject({ at: 2200 });
  });
  it('waits longer where the provider asks for it, never shorter', () => {
    expect(scheduleRetry(policy, { ...failure, retryAfterMs: 30_000 }, () => 0)).toMatchObject({
      at: 30_000,
    });
    expect(scheduleRetry(policy, { ...failure, retryAfterMs: 1 }, () => 0)).toMatchObject({ at: 2000 });
  });
  it('goes on without counting, until the message is too old', () => {
    const free = { ...failure, counts: false, used: 3 };
    expect(scheduleRetry(policy, { ...free, attempt: 40 }, () => 0)).toMatchObject({ kind: 'retry' });
    expect(scheduleRetry(policy, { ...free, now: policy.maxAgeMs }, () => 0)).toEqual({
      kind: 'give_up',
      reason: 'too_old',
    });
  });
});

describe('a provider status', () => {
  it('rises and never falls, in whatever order callbacks come', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...PROVIDER_STATUSES], { minLength: 1 }), (statuses) => {
        const end = statuses
          .map(reportedState)
          .reduce((known, next) => (outranks(next, known) ? next : known));
        const best = ['read', 'delivered', 'failed', 'sent'].find((state) =>
          statuses.map(reportedState).includes(state as 'read'),
        );
        return end === best;
      }),
    );
  });
});

describe('the breaker', () => {
  it('opens after five failures in a row of three messages, probes, and closes', () => {
    const b = new Breaker();
    for (const message of ['a', 'b', 'c', 'a']) expect(b.failed(message, 0)).toBe(false);
    expect(b.failed('a', 0)).toBe(true);
    expect(b.permits(BREAKER.openMs - 1)).toBe(0);
    expect(b.permits(BREAKER.openMs)).toBe(1);
    b.started();
    expect(b.permits(BREAKER.openMs)).toBe(0);
    expect(b.failed('x', BREAKER.openMs)).toBe(false);
    expect(b.permits(BREAKER.openMs * 2)).toBe(0);
    expect(b.permits(BREAKER.openMs * 3)).toBe(1);
    b.started();
    b.succeeded();
    expect(b.permits(0)).toBe(Number.POSITIVE_INFINITY);
  });
  it('does not open for one message that fails for ever, nor for scattered failures', () => {
    const b = new Breaker();
    for (let i = 0; i < 50; i += 1) b.failed('poor', i);
    expect(b.isOpen).toBe(false);
    const c = new Breaker();
    for (let i = 0; i < 50; i += 1) {
      c.failed(`m${i}`, i);
      if (i % 4 === 3) c.succeeded();
    }
    expect(c.isOpen).toBe(false);
  });
});
