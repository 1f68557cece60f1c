import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify, type OutcomeClass, outcomeClasses, outcomeTable } from '../src/index.js';

/** The classes by code, written down apart from the table: a slip in one of them shows. */
const expected: Readonly<Partial<Record<OutcomeClass, readonly number[]>>> = {
  throttled: [20429],
  paused: [63038, 63018, 63017, 21611, 30001, 35125],
  transient: [63009, 63010, 63012, 63023, 63037, 30008, 30020, 30021, 30036],
  ambiguous: [20500, 20503],
  recipient: [21211, 21604, 21614, 63003, 63024, 63031, 63032, 63015],
  opted_out: [21610, 63014, 63033],
  marketing: [63049],
  content: [63016, 63005, 63006, 63019, 63021, 63028, 63030, 63034, 21617, 21619, 21654, 92005, 21656, 21609],
  policy: [63013, 63026, 30007],
  template_gone: [21655, 63027],
  template_unusable: [63040, 63041, 63042, 63054],
  tenant_suspended: [
    20003, 70051, 20005, 20403, 20404, 10001, 30002, 63001, 63020, 63051, 63002, 63007, 63008, 63022, 21603,
    21606, 21408,
  ],
};

describe('the outcome table', () => {
  const pairs = Object.entries(expected).flatMap(([kind, codes]) =>
    codes.map((code) => [code, kind] as const),
  );

  test.each(pairs)('code %i is %s', (code, kind) => {
    const rows = outcomeTable.filter((row) => row.code === code);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.class).toBe(kind);
    expect(rows[0]?.source.mark).toMatch(/^[DXLM]$/);
    expect(rows[0]?.source.text).not.toBe('');
    expect(rows[0]?.meaning).not.toBe('');
  });

  test('has no row that is not expected here', () => {
    expect(new Set(outcomeTable.map((row) => row.code))).toEqual(new Set(pairs.map(([code]) => code)));
    expect(outcomeTable).toHaveLength(pairs.length);
  });

  test('every pause has a scope and bounds that fit', () => {
    for (const row of outcomeTable) {
      expect(row.pause !== undefined).toBe(row.class === 'paused');
      if (row.pause) expect(row.pause.minMs).toBeLessThanOrEqual(row.pause.maxMs);
    }
    expect(outcomeTable.find((row) => row.code === 63018)?.pause?.minMs).toBe(6_000);
    expect(outcomeTable.find((row) => row.code === 63038)?.pause?.maxMs).toBe(86_400_000);
  });
});

describe('classify', () => {
  test('is total over any code and status, and agrees with its class', () => {
    fc.assert(
      fc.property(
        fc.option(fc.integer({ min: 100, max: 599 }), { nil: undefined }),
        fc.option(fc.oneof(fc.nat(99_999), fc.constantFrom(...outcomeTable.map((row) => row.code ?? 0))), {
          nil: undefined,
        }),
        fc.constantFrom('response' as const, 'callback' as const),
        fc.constantFrom('messages' as const, 'content' as const),
        (httpStatus, code, where, route) => {
          const row = classify({ httpStatus, code, where, route });
          expect(row).toMatchObject(outcomeClasses[row.class]);
          if (where === 'callback')
            expect(['ambiguous', 'throttled', 'not_sent', 'accepted']).not.toContain(row.class);
          else if (httpStatus !== undefined && httpStatus >= 500) expect(row.class).toBe('ambiguous');
        },
      ),
    );
  });

  test.each([
    [500, undefined, 'ambiguous'],
    [503, 63018, 'ambiguous'],
    [429, undefined, 'throttled'],
    [429, 63038, 'paused'],
    [429, 12_345, 'throttled'],
    [401, undefined, 'tenant_suspended'],
    [404, 20404, 'tenant_suspended'],
    [408, undefined, 'ambiguous'],
    [302, undefined, 'ambiguous'],
    [400, 12_345, 'rejected'],
    [201, undefined, 'accepted'],
  ])('HTTP %i with code %s is %s', (httpStatus, code, kind) => {
    expect(classify({ httpStatus, code, where: 'response' }).class).toBe(kind);
  });

  test('not found means the template is gone on Content, a wrong set-up on Messages', () => {
    expect(classify({ httpStatus: 404, code: 20404, where: 'response', route: 'content' }).class).toBe(
      'template_gone',
    );
    expect(classify({ httpStatus: 404, code: 20404, where: 'response' }).class).toBe('tenant_suspended');
  });

  test('in a callback the failure is certain: never ambiguous, and 30008 without a code', () => {
    expect(classify({ code: 20500, where: 'callback' })).toMatchObject({
      class: 'transient',
      countsAttempt: true,
    });
    expect(classify({ code: 63018, where: 'callback' })).toMatchObject({
      class: 'paused',
      countsAttempt: false,
    });
    expect(classify({ where: 'callback' }).class).toBe('transient');
    expect(classify({ code: 12_345, where: 'callback' })).toMatchObject({ class: 'rejected', known: false });
  });
});
