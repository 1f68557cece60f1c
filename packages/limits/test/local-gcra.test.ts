import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LocalGcra } from '../src/local-gcra.js';

it('keeps the interval of each key in any sequence of asks', () => {
  const ask = fc.record({ key: fc.nat(3), interval: fc.integer({ min: 1, max: 500 }), passes: fc.nat(300) });
  fc.assert(
    fc.property(fc.array(ask, { maxLength: 200, size: 'max' }), (asks) => {
      const local = new LocalGcra(10);
      const last = new Map<number, number>();
      let now = 0;
      for (const { key, interval, passes } of asks) {
        now += passes;
        const at = local.next(`k${key}`, interval, now);
        if (at !== Math.max(now, (last.get(key) ?? -1_000_000) + interval)) return false;
        local.give(`k${key}`, at);
        last.set(key, at);
      }
      return true;
    }),
  );
});

it('is bounded: the key that was asked for longest ago is forgotten', () => {
  const local = new LocalGcra(3);
  for (let n = 0; n < 3; n += 1) local.give(`k${n}`, 1_000);
  local.give('k0', 1_001);
  local.give('k3', 1_000);
  expect(local.size).toBe(3);
  expect(local.next('k0', 100, 0)).toBe(1_101);
  expect(local.next('k1', 100, 0)).toBe(0);
});
