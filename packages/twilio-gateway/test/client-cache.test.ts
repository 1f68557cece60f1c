import { expect, test } from 'vitest';
import { ClientCache } from '../src/client-cache.js';

const account = (n: number, authToken = 't') => ({ accountSid: `AC${n}`, authToken });

test('keeps one client an account until its token changes', () => {
  let made = 0;
  const cache = new ClientCache(10, () => ({ n: (made += 1) }));
  const first = cache.get(account(1));
  expect(cache.get(account(1))).toBe(first);
  expect(cache.get(account(1, 'rotated'))).not.toBe(first);
  expect(made).toBe(2);
  expect(cache.size).toBe(1);
});

test('is bounded: the least recently used leaves', () => {
  const cache = new ClientCache(2, (given) => ({ sid: given.accountSid }));
  const one = cache.get(account(1));
  cache.get(account(2));
  cache.get(account(1));
  cache.get(account(3));
  expect(cache.size).toBe(2);
  expect(cache.get(account(1))).toBe(one);
});

test('refuses a capacity below 1', () => {
  expect(() => new ClientCache(0, () => ({}))).toThrow(RangeError);
});
