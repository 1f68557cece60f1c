import { LIMIT_WATCH, LimitWatch } from '@mersal/lanes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('a limit of unknown scope', () => {
  it("is the pair's while one recipient hits it, however often", () => {
    const watch = new LimitWatch();
    for (let n = 0; n < 20; n += 1) expect(watch.hit('s', 'r', n * 1_000)).toBe('recipient');
  });
  it("is the sender number's with the third recipient within the window, and with the next one after its pause", () => {
    const watch = new LimitWatch();
    expect(watch.hit('s', 'a', 0)).toBe('recipient');
    expect(watch.hit('s', 'b', 100)).toBe('recipient');
    expect(watch.hit('other', 'c', 200)).toBe('recipient');
    expect(watch.hit('s', 'c', 300)).toBe('sender');
    expect(watch.hit('s', 'a', 50_000)).toBe('sender');
  });
  it('agrees with a model that keeps every hit, and stays bounded', () => {
    const hit = fc.record({ sender: fc.nat(3), recipient: fc.nat(6), wait: fc.nat(40_000) });
    fc.assert(
      fc.property(fc.array(hit, { maxLength: 100, size: 'max' }), (hits) => {
        const watch = new LimitWatch();
        const all: { sender: number; recipient: number; at: number }[] = [];
        let now = 0;
        for (const { sender, recipient, wait } of hits) {
          now += wait;
          all.push({ sender, recipient, at: now });
          const recent = all.filter((one) => one.sender === sender && now - one.at < LIMIT_WATCH.windowMs);
          const expected = new Set(recent.map((one) => one.recipient)).size >= 3 ? 'sender' : 'recipient';
          if (watch.hit(`s${sender}`, `r${recipient}`, now) !== expected) return false;
        }
        return watch.size <= 4;
      }),
      { numRuns: 300 },
    );
  });
  it('remembers a bounded number of sender numbers', () => {
    const watch = new LimitWatch({ ...LIMIT_WATCH, most: 5 });
    for (let n = 0; n < 100; n += 1) watch.hit(`s${n}`, 'r', n);
    expect(watch.size).toBe(5);
  });
});
