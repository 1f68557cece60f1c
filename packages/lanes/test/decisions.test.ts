import { PROVIDER_STATUSES } from '@mersal/contracts';
import { outranks, type ReportedState, reportedState, scheduleRetry } from '@mersal/lanes';
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

describe('any retry', () => {
  const input = fc.record({
    used: fc.nat(12),
    counts: fc.boolean(),
    attempt: fc.integer({ min: 1, max: 10_000 }),
    acceptedAt: fc.constant(0),
    now: fc.nat(90_000_000),
    retryAfterMs: fc.option(fc.nat(86_400_000), { nil: undefined }),
    pauseMs: fc.option(fc.nat(86_400_000), { nil: undefined }),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  it('comes no sooner than was asked for, no later than the message may live, and is given up only for a reason', () => {
    fc.assert(
      fc.property(input, random, (failed, chance) => {
        const decision = scheduleRetry(policy, failed, () => chance);
        const power = failed.counts ? failed.used : Math.min(failed.attempt - 1, 4);
        const backoff = Math.min(3_600_000, policy.backoffMs * 2 ** power);
        const least = Math.max(backoff, failed.retryAfterMs ?? 0, failed.pauseMs ?? 0);
        if (failed.counts && failed.used >= policy.attempts)
          return decision.kind === 'give_up' && decision.reason === 'retries_exhausted';
        if (decision.kind === 'give_up')
          return decision.reason === 'too_old' && failed.now + least * 1.1 + 1 > policy.maxAgeMs;
        const wait = decision.at - failed.now;
        return wait >= least && wait <= Math.max(least, backoff * 1.1) + 1 && decision.at <= policy.maxAgeMs;
      }),
      { numRuns: 1_000 },
    );
  });
  it('ends: a message that always fails is given up after its retries, or at its age', () => {
    fc.assert(
      fc.property(fc.boolean(), random, (counts, chance) => {
        let now = 0;
        for (let attempt = 1; attempt < 5_000; attempt += 1) {
          const used = counts ? attempt - 1 : 0;
          const decision = scheduleRetry(policy, { ...failure, counts, used, attempt, now }, () => chance);
          if (decision.kind === 'give_up') return counts ? attempt === 4 : now > policy.maxAgeMs - 40_000;
          now = decision.at;
        }
        return false;
      }),
    );
  });
});

describe('a provider status', () => {
  const states = fc.array(fc.constantFrom(...PROVIDER_STATUSES).map(reportedState), {
    minLength: 1,
    maxLength: 12,
  });
  const endOf = (reports: readonly ReportedState[]): ReportedState =>
    reports.reduce((known, next) => (outranks(next, known) ? next : known));

  it('rises and never falls, in whatever order callbacks come and however often', () => {
    fc.assert(
      fc.property(states, (reports) => {
        const best = (['read', 'delivered', 'failed', 'sent'] as const).find((one) => reports.includes(one));
        return endOf(reports) === best;
      }),
    );
  });
  it('ends the same in every order', () => {
    fc.assert(
      fc.property(
        states.chain((reports) =>
          fc.tuple(
            fc.constant(reports),
            fc.shuffledSubarray(reports, { minLength: reports.length, maxLength: reports.length }),
          ),
        ),
        ([reports, shuffled]) => endOf(reports) === endOf([...shuffled, ...shuffled]),
      ),
    );
  });
  it('is ranked strictly: nothing outranks itself, and of two different ones exactly one outranks the other', () => {
    fc.assert(
      fc.property(states, states, ([a], [b]) => {
        const [left, right] = [a as ReportedState, b as ReportedState];
        return left === right ? !outranks(left, right) : outranks(left, right) !== outranks(right, left);
      }),
    );
  });
});
