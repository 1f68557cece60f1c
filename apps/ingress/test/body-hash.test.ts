import { expect, it } from 'vitest';
import { bodyHash, isDeeperThan } from '../src/sends/body-hash.js';

it('does not depend on the order of names, at any depth', () => {
  expect(bodyHash({ a: 1, b: { c: [1, { x: 1, y: 2 }], d: null } })).toBe(
    bodyHash({ b: { d: null, c: [1, { y: 2, x: 1 }] }, a: 1 }),
  );
});

it.each([
  [{ a: 1 }, { a: '1' }],
  [{ a: [1, 2] }, { a: [2, 1] }],
  [{ a: {} }, { a: [] }],
  [{ text: 'x' }, { text: 'x', priority: 5 }],
  [{ a: 1, b: 2 }, { a: 1 }],
  [{ 'a":1,"b': 1 }, { a: 1, b: 1 }],
])('%j and %j are different', (one, other) => {
  expect(bodyHash(one)).not.toBe(bodyHash(other));
});

it('is 64 hex digits of a known value', () => {
  expect(bodyHash({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
});

it('depth counts objects and arrays', () => {
  expect(isDeeperThan('x', 0)).toBe(false);
  expect(isDeeperThan([], 0)).toBe(true);
  expect(isDeeperThan({ a: [{}] }, 3)).toBe(false);
  expect(isDeeperThan({ a: [{}] }, 2)).toBe(true);
});
