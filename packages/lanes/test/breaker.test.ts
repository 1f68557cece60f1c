import { BREAKER, Breaker, Breakers, BREAKERS, type Started } from '@mersal/lanes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** Opens it by failures of requests that all started at `at`. */
function open(breaker: Breaker, at: number): void {
  for (let n = 0; n < BREAKER.failures; n += 1) breaker.failed(breaker.started(at), `m${n}`, at);
  expect(breaker.isOpen).toBe(true);
}

describe('the breaker', () => {
  it('opens after five failures in a row of three messages, probes, and closes', () => {
    const b = new Breaker();
    for (const message of ['a', 'b', 'c', 'a']) expect(b.failed(b.started(0), message, 0)).toBe(false);
    expect(b.failed(b.started(0), 'a', 0)).toBe(true);
    expect(b.permits(BREAKER.openMs - 1)).toBe(0);
    expect(b.permits(BREAKER.openMs)).toBe(1);
    const probe = b.started(BREAKER.openMs);
    expect(probe.probe).toBe(true);
    expect(b.permits(BREAKER.openMs)).toBe(0);
    expect(b.failed(probe, 'x', BREAKER.openMs)).toBe(false);
    expect(b.permits(BREAKER.openMs * 2)).toBe(0);
    expect(b.permits(BREAKER.openMs * 3)).toBe(1);
    b.succeeded(b.started(BREAKER.openMs * 3), BREAKER.openMs * 3);
    expect(b.permits(0)).toBe(Number.POSITIVE_INFINITY);
  });
  it('does not open for one message that fails for ever, nor for scattered failures', () => {
    const b = new Breaker();
    for (let i = 0; i < 50; i += 1) b.failed(b.started(i), 'poor', i);
    expect(b.isOpen).toBe(false);
    const c = new Breaker();
    for (let i = 0; i < 50; i += 1) {
      c.failed(c.started(i), `m${i}`, i);
      if (i % 4 === 3) c.succeeded(c.started(i), i);
    }
    expect(c.isOpen).toBe(false);
  });
  it('waits where failures have patience, and counts them for one that has none', () => {
    const patient = new Breaker();
    for (let at = 0; at < 4_999; at += 100)
      expect(patient.failed(patient.started(at), `m${at}`, at, 5_000)).toBe(false);
    expect(patient.failed(patient.started(4_990), 'late', 5_000, 5_000)).toBe(true);
    const mixed = new Breaker();
    for (let n = 0; n < 10; n += 1) mixed.failed(mixed.started(0), `m${n}`, 0, 5_000);
    expect(mixed.failed(mixed.started(0), 'm', 1)).toBe(true);
  });
  it('lets another probe go once the first has been lost, and hears the lost one all the same', () => {
    const b = new Breaker();
    open(b, 0);
    const lost = b.started(BREAKER.openMs);
    expect(b.permits(BREAKER.openMs + BREAKER.probeMs - 1)).toBe(0);
    expect(b.retryAt(BREAKER.openMs + 50)).toBe(BREAKER.openMs + 250);
    expect(b.permits(BREAKER.openMs + BREAKER.probeMs)).toBe(1);
    expect(b.started(BREAKER.openMs + BREAKER.probeMs).probe).toBe(true);
    b.succeeded(lost, BREAKER.openMs + BREAKER.probeMs + 1);
    expect(b.isOpen).toBe(false);
  });
  it('gives the probe to another where it was never sent', () => {
    const b = new Breaker();
    open(b, 0);
    b.abandoned(b.started(BREAKER.openMs));
    expect(b.started(BREAKER.openMs).probe).toBe(true);
  });
  it('is not moved by what was under way when it opened, neither then nor after it closed', () => {
    const b = new Breaker();
    const early = Array.from({ length: 20 }, () => b.started(0));
    open(b, 0);
    b.succeeded(early[0] as Started, 10);
    expect(b.isOpen).toBe(true);
    for (const [n, started] of early.entries()) b.failed(started, `late${n}`, 20);
    expect(b.retryAt(20)).toBe(BREAKER.openMs);
    b.succeeded(b.started(BREAKER.openMs), BREAKER.openMs);
    for (const [n, started] of early.entries()) b.failed(started, `later${n}`, BREAKER.openMs + 1);
    expect(b.isOpen).toBe(false);
  });
  it('does not stay open for longer than any pause because the clock was set back', () => {
    const b = new Breaker();
    open(b, 10_000_000);
    expect(b.permits(0)).toBe(1);
    expect(b.started(0).probe).toBe(true);
    expect(b.permits(-5_000_000)).toBe(1);
  });
  it('remembers a bounded number of troubles', () => {
    const b = new Breaker();
    for (let n = 0; n < 100; n += 1) {
      const at = n * 100_000;
      open(b, at);
      b.succeeded(b.started(at + BREAKER.openMs), at + BREAKER.openMs);
    }
    expect(b.troubleAt(0)).toBe(false);
    expect(b.troubleAt(67 * 100_000)).toBe(false);
    for (let n = 68; n < 100; n += 1) expect(b.troubleAt(n * 100_000 + 5)).toBe(true);
    expect(b.troubleAt(99 * 100_000 - 1)).toBe(false);
  });

  /**
   * The model keeps every event and looks at all of them again each time: slow, and easy to believe.
   */
  it('agrees with a model that looks at everything that happened', () => {
    const step = fc.record({
      do: fc.constantFrom('start', 'succeed', 'fail', 'fail', 'fail', 'fail', 'abandon'),
      which: fc.nat(5),
      message: fc.nat(5),
      patience: fc.constantFrom(0, 0, 5_000),
      wait: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(70_000)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const b = new Breaker();
        let now = 1_000;
        let under: Started[] = [];
        // The model: a list of periods, in each of which the breaker was either closed or open.
        let openSince: number | undefined;
        let until = 0;
        let doublings = 0;
        let generation = 0;
        let probe: Started | undefined;
        let run: { at: number; message: string }[] = [];
        const troubles: { from: number; to: number }[] = [];
        for (const s of steps) {
          now += s.wait;
          const mayProbe =
            openSince !== undefined && (probe ? now - probe.at >= BREAKER.probeMs : now >= until);
          const expected = openSince === undefined ? Number.POSITIVE_INFINITY : mayProbe ? 1 : 0;
          if (b.permits(now) !== expected) return false;
          if (s.do === 'start') {
            const started = b.started(now);
            if (started.probe !== mayProbe || started.opening !== generation) return false;
            if (mayProbe) probe = started;
            under.push(started);
            continue;
          }
          const started = under[s.which % Math.max(1, under.length)];
          if (!started) continue;
          under = under.filter((one) => one !== started);
          if (s.do === 'abandon') {
            b.abandoned(started);
            if (probe === started) probe = undefined;
          } else if (s.do === 'succeed') {
            b.succeeded(started, now);
            if (openSince !== undefined && !started.probe) continue;
            if (openSince !== undefined) (troubles.at(-1) as { to: number }).to = now;
            [openSince, doublings, probe, run] = [undefined, 0, undefined, []];
          } else {
            const message = `m${s.message}`;
            const opened = b.failed(started, message, now, s.patience);
            let opens = false;
            if (started.opening === generation) {
              if (openSince === undefined) {
                run.push({ at: started.at, message });
                const from = Math.min(...run.map((one) => one.at));
                opens =
                  run.length >= 5 &&
                  new Set(run.map((one) => one.message)).size >= 3 &&
                  now - from >= s.patience;
                if (opens) troubles.push({ from, to: Infinity });
              }
              if (opens || (openSince !== undefined && started.probe)) {
                until = now + Math.min(BREAKER.longestMs, BREAKER.openMs * 2 ** doublings);
                doublings += 1;
                generation += 1;
                openSince ??= now;
                [probe, run] = [undefined, []];
              }
            }
            if (opened !== opens) return false;
          }
          if (b.isOpen !== (openSince !== undefined)) return false;
          const told = troubles.slice(-32);
          for (const moment of [now, now - 1, now - 2_500, now - 60_000])
            if (b.troubleAt(moment) !== told.some((t) => t.from <= moment && moment <= t.to)) return false;
        }
        return true;
      }),
      { numRuns: 500 },
    );
  });
});

describe('breakers by account and for the provider', () => {
  const fail = (
    all: Breakers,
    account: string,
    message: string,
    blame: 'provider' | 'account',
    now: number,
  ) => all.failed(account, all.started(account, now), { message, blame }, now);

  it("an account's own failures open its breaker and no other's", () => {
    const all = new Breakers();
    for (let n = 0; n < 5; n += 1) fail(all, 'a', `m${n}`, 'account', 0);
    expect(all.permits('a', 0)).toBe(0);
    expect(all.permits('b', 0)).toBe(Number.POSITIVE_INFINITY);
    expect([all.isOpen('a'), all.isOpen('b'), all.provider.isOpen]).toEqual([true, false, false]);
    expect([all.troubleAt('a', 0), all.troubleAt('b', 0)]).toEqual([true, false]);
  });
  it('failures that speak of the provider, over several accounts, stop all', () => {
    const all = new Breakers();
    for (let n = 0; n < 4; n += 1) fail(all, `account${n}`, `m${n}`, 'provider', 0);
    expect(fail(all, 'other', 'm', 'provider', 0)).toEqual({ account: false, provider: true });
    expect(all.permits('never seen', 0)).toBe(0);
    expect(all.retryAt('never seen', 0)).toBe(BREAKER.openMs);
    expect(all.retryAt('never seen', BREAKER.openMs + 5)).toBe(BREAKER.openMs + 5);
    expect(all.troubleAt('never seen', 0)).toBe(true);
  });
  it('an answer that blames the account shows that the provider is well', () => {
    const all = new Breakers();
    for (let n = 0; n < 4; n += 1) fail(all, `account${n}`, `m${n}`, 'provider', 0);
    fail(all, 'x', 'm', 'account', 0);
    fail(all, 'y', 'm', 'provider', 0);
    expect(all.provider.isOpen).toBe(false);
  });
  it('lets one probe go for all accounts while the provider is away', () => {
    const all = new Breakers();
    for (let n = 0; n < 5; n += 1) fail(all, `a${n}`, `m${n}`, 'provider', 0);
    const now = BREAKER.openMs;
    const probe = all.started('b', now);
    expect(probe.probe).toBe(true);
    expect(all.permits('c', now)).toBe(0);
    all.abandoned('b', probe);
    expect(all.permits('c', now)).toBe(1);
    const again = all.started('c', now);
    all.succeeded('c', again, now);
    expect(all.permits('d', now)).toBe(Number.POSITIVE_INFINITY);
  });
  it('counts the first failure of an account, at any time of day', () => {
    const all = new Breakers();
    const now = 1_800_000_000_000;
    for (let n = 0; n < 5; n += 1) fail(all, 'a', `m${n}`, 'account', now);
    expect(all.isOpen('a')).toBe(true);
  });
  it('tells when the provider and the account had trouble last', () => {
    const all = new Breakers();
    expect(all.lastTroubles('a')).toEqual([]);
    for (let n = 0; n < 5; n += 1) fail(all, 'a', `m${n}`, 'account', 100 + n);
    expect(all.lastTroubles('a')).toEqual([{ from: 100, to: Number.POSITIVE_INFINITY }]);
    expect(all.lastTroubles('b')).toEqual([]);
    const over = 104 + BREAKER.openMs;
    all.succeeded('a', all.started('a', over), over);
    for (let n = 0; n < 5; n += 1) fail(all, 'b', `m${n}`, 'provider', over + n);
    expect(all.lastTroubles('a')).toEqual([
      { from: over, to: Number.POSITIVE_INFINITY },
      { from: 100, to: over },
    ]);
  });
  it('is bounded, and forgets accounts whose trouble is long over', () => {
    const all = new Breakers({ ...BREAKERS, most: 3 });
    for (let n = 0; n < 10; n += 1) {
      fail(all, `a${n}`, 'm', 'account', n);
      expect(all.size).toBeLessThanOrEqual(3);
    }
    for (let n = 0; n < 4; n += 1) fail(all, 'a9', `m${n}`, 'account', 10);
    expect(all.isOpen('a9')).toBe(true);
    const rested = new Breakers();
    for (let n = 0; n < 5; n += 1) fail(rested, 'a', `m${n}`, 'account', 0);
    rested.succeeded('a', rested.started('a', BREAKER.openMs), BREAKER.openMs);
    fail(rested, 'b', 'm', 'account', 1_000);
    expect([rested.size, rested.troubleAt('a', 0)]).toEqual([2, true]);
    fail(rested, 'c', 'm', 'account', BREAKER.openMs + BREAKERS.keepMs + 1);
    expect([rested.size, rested.troubleAt('a', 0)]).toEqual([2, false]);
  });
});

describe('breakers that are not closed', () => {
  const fail = (breakers: Breakers, account: string, blame: 'provider' | 'account', at: number): void => {
    for (let n = 0; n < BREAKER.failures; n += 1)
      breakers.failed(account, breakers.started(account, at), { message: `m${n}`, blame }, at);
  };

  it('are told with the begin of their trouble, and whether they ask about its end', () => {
    const breakers = new Breakers();
    expect(breakers.open(0, 10)).toEqual([]);
    fail(breakers, 'a', 'account', 10);
    fail(breakers, 'b', 'account', 20);
    const a = { account: 'a', state: 'open', since: 10 };
    const b = { account: 'b', state: 'open', since: 20 };
    expect(breakers.open(20, 10)).toEqual([a, b]);
    expect(breakers.open(20, 1)).toEqual([a]);

    const due = 10 + BREAKER.openMs;
    expect(breakers.open(due, 10)).toEqual([{ ...a, state: 'half_open' }, b]);
    const probe = breakers.started('a', due);
    expect(breakers.open(due, 10)).toEqual([{ ...a, state: 'half_open' }, b]);
    breakers.succeeded('a', probe, due);
    expect(breakers.open(due, 10)).toEqual([b]);
  });

  it('begin with the provider’s', () => {
    const breakers = new Breakers();
    fail(breakers, 'a', 'provider', 5);
    expect(breakers.open(5, 1)).toEqual([{ account: undefined, state: 'open', since: 5 }]);
    expect(breakers.open(5, 2)).toHaveLength(2);
  });
});
