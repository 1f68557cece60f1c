import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DueTimes } from '../src/due-times.js';

it('gives keys back in the order of their times, whatever was set again or taken out before', () => {
  const step = fc.record({
    do: fc.constantFrom('set', 'set', 'set', 'delete', 'take'),
    key: fc.nat(12),
    at: fc.nat(50),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const times = new DueTimes<number>();
      const model = new Map<number, number>();
      const first = (): number | undefined => (model.size === 0 ? undefined : Math.min(...model.values()));
      const take = (now: number): boolean => {
        const due = first();
        const key = times.take(now);
        if (due === undefined || due > now) return key === undefined;
        if (key === undefined || model.get(key) !== due) return false;
        return model.delete(key);
      };
      for (const s of steps) {
        if (s.do === 'set') {
          times.set(s.key, s.at);
          model.set(s.key, s.at);
        } else if (s.do === 'delete') {
          times.delete(s.key);
          model.delete(s.key);
        } else if (!take(s.at)) return false;
        if (times.next !== first() || times.size !== model.size) return false;
      }
      while (model.size > 0) if (!take(Number.POSITIVE_INFINITY)) return false;
      return times.next === undefined;
    }),
    { numRuns: 500 },
  );
});

it('does not grow with how often a key is set', () => {
  const times = new DueTimes<string>();
  for (let n = 0; n < 10_000; n += 1) times.set('one', n);
  expect(times.entries).toBeLessThan(40);
});
