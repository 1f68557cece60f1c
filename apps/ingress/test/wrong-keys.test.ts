import { expect, it } from 'vitest';
import { networkOf, WrongKeys } from '../src/auth/wrong-keys.js';

function wrongKeys(most = 100) {
  let now = 0;
  const guard = new WrongKeys({ burst: 3, everyMs: 1_000, most, now: () => now });
  return { guard, later: (ms: number) => (now += ms) };
}

it('lets a burst through, then one an interval, for each address', () => {
  const { guard, later } = wrongKeys();
  expect([1, 2, 3, 4].map(() => guard.count('10.0.0.1'))).toEqual([0, 0, 0, 1_000]);
  expect(guard.count('10.0.0.2')).toBe(0);
  later(400);
  expect(guard.count('10.0.0.1')).toBe(600);
  later(600);
  expect([guard.count('10.0.0.1'), guard.count('10.0.0.1')]).toEqual([0, 1_000]);
  later(60_000);
  expect([1, 2, 3, 4].map(() => guard.count('10.0.0.1'))).toEqual([0, 0, 0, 1_000]);
});

it('remembers a bounded number of addresses', () => {
  const { guard } = wrongKeys(50);
  for (let n = 0; n < 1_000; n += 1) guard.count(`10.0.${n >> 8}.${n & 255}`);
  expect(guard.size).toBe(50);
});

it('an IPv6 caller is its /64', () => {
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::1'));
  expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:1:3::1'));
  expect(networkOf('::1')).toBe('0:0:0:0');
  expect(networkOf('::ffff:10.0.0.1')).toBe('::ffff:10.0.0.1');
  expect(networkOf('10.0.0.1')).toBe('10.0.0.1');
});
