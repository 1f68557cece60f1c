import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../src/canonical-json.js';
import { hashData, NotJsonError } from '../src/index.js';

const json = fc.jsonValue({ maxDepth: 5 }).filter((value) => !/\\ud[89a-f]/i.test(JSON.stringify(value)));

/** The same value with the keys of every object in another order. */
function shuffled(value: unknown, random: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, random));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [random(), key, shuffled(one, random)] as const);
  return Object.fromEntries(entries.toSorted((a, b) => a[0] - b[0]).map(([, key, one]) => [key, one]));
}

describe('the canonical text', () => {
  it('reads back as the value it was written for', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('is the same for any order of keys', () => {
    fc.assert(
      fc.property(json, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (value, numbers) => {
        const other = shuffled(value, () => numbers.next().value as number);
        expect(canonicalJson(other)).toBe(canonicalJson(value));
      }),
    );
  });

  it('is another for another value', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(same);
      }),
    );
  });

  it('is that of RFC 8785, section 3.2', () => {
    const value = {
      // oxlint-disable-next-line no-loss-of-precision -- the RFC's own example
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    // By UTF-16 units, not by code points: the emoji's first unit is below that of U+FB33.
    const keys = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
    expect([...canonicalJson(keys).matchAll(/:(\d)/g)].map((match) => Number(match[1]))).toEqual([
      2, 4, 6, 7, 1, 5, 3,
    ]);
  });

  it('refuses what JSON cannot express, and says where it stands', () => {
    const cyclic: Record<string, unknown> = { name: 'x' };
    cyclic['self'] = { back: cyclic };
    const cases: [unknown, string][] = [
      [undefined, ''],
      [{ a: { 'b/c': undefined } }, '/a/b~1c'],
      [[1, Number.NaN], '/1'],
      [{ n: Number.POSITIVE_INFINITY }, '/n'],
      // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
      [[1, , 2], '/1'],
      [{ f: () => 1 }, '/f'],
      [{ s: Symbol('s') }, '/s'],
      [{ b: 1n }, '/b'],
      [{ m: new Map([[1, 2]]) }, '/m'],
      [{ t: '\ud800' }, '/t'],
      [cyclic, '/self/back'],
    ];
    for (const [value, path] of cases) {
      expect(() => hashData(value)).toThrow(NotJsonError);
      try {
        hashData(value);
      } catch (error) {
        expect(error).toMatchObject({ path });
      }
    }
  });

  it('takes a value used twice for no cycle, and a date for its text', () => {
    const shared = { price: 5 };
    expect(hashData([shared, shared])).toBe(hashData([{ price: 5 }, { price: 5 }]));
    expect(hashData(new Date(0))).toBe(hashData('1970-01-01T00:00:00.000Z'));
  });
});

describe('hashData', () => {
  it('is stable: this hash must never change under this prefix', () => {
    expect(hashData({ b: [1, 'ä'], a: null })).toBe(
      'h1-5d4c789751acdad9ba305072d1a6ccdc5864fd7c7a1bcc0f38a794e5a4417e02',
    );
  });

  it('tells the order of an array, and a number from its text', () => {
    expect(hashData([1, 2])).not.toBe(hashData([2, 1]));
    expect(hashData(1)).not.toBe(hashData('1'));
  });
});

/** A form whose text is the same for equal values only, however their keys are ordered. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { object: fields.map(([key, one]) => [key, sorted(one)]) };
}
