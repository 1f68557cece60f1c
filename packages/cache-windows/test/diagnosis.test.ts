import { sketchValue } from '@mersal/contracts';
import { describe, expect, it } from 'vitest';
import { diagnoseKey, type Evidence } from '../src/diagnosis.js';
import type { Counts, MissReason } from '../src/panes.js';

const FROM = 1_800_000_000_000;
const MISSES = 100;
const QUIET: Counts = { hits: 0, misses: 0, creations: 0 };

const hashes = (count: number, name = 'h'): number[] =>
  Array.from({ length: count }, (_, n) => sketchValue(`${name}${n}`)).toSorted((a, b) => a - b);
/** One hash at one restaurant, of a key that is known and was not used for a while: nothing stands out. */
const NOTHING: Evidence = {
  firstAt: FROM - 1,
  before: QUIET,
  reasons: new Map(),
  tenants: [{ misses: MISSES, hashes: hashes(1) }],
};
/** What makes each cause, in the order in which they are judged. */
const SIGNS = {
  store_away: { reasons: [['redis_away', 60]] },
  invalidation: { reasons: [['invalidated', 60]] },
  hash_churn: { tenants: [{ misses: MISSES, hashes: hashes(90) }] },
  failed: { reasons: [['creation_failed', 60]] },
  new_key: { firstAt: FROM },
  ceased: { before: { hits: 200, misses: 1, creations: 0 } },
  cold_start: { creations: 5 },
} as const;
type Sign = keyof typeof SIGNS;
const CAUSE: Readonly<Record<Sign, string>> = {
  store_away: 'store_away',
  invalidation: 'invalidation',
  hash_churn: 'hash_churn',
  failed: 'unknown',
  new_key: 'new_key',
  ceased: 'invalidation',
  cold_start: 'cold_start',
};

function diagnose(...signs: Sign[]) {
  let evidence = NOTHING;
  let creations = 0;
  for (const sign of signs) {
    const {
      reasons,
      creations: made,
      ...rest
    } = SIGNS[sign] as {
      reasons?: readonly (readonly [MissReason, number])[];
      creations?: number;
    };
    creations += made ?? 0;
    evidence = { ...evidence, ...rest, reasons: new Map([...evidence.reasons, ...(reasons ?? [])]) };
  }
  return diagnoseKey('menu', FROM, { hits: 0, misses: MISSES, creations }, evidence);
}

describe('a diagnosis', () => {
  it('has a cause for each sign alone, and none for none', () => {
    for (const sign of Object.keys(SIGNS) as Sign[])
      expect([sign, diagnose(sign).cause]).toEqual([sign, CAUSE[sign]]);
    expect(diagnose()).toMatchObject({ cause: 'unknown', distinctHashes: 1 });
    expect(diagnose().words).toContain('no single cause for menu');
  });

  it('takes the first of two signs, in their order: churn before what looks new, cold or gone', () => {
    const signs = Object.keys(SIGNS) as Sign[];
    for (const [at, first] of signs.entries())
      for (const second of signs.slice(at + 1)) {
        // A key is idle or it is not.
        if (first === 'ceased' && second === 'cold_start') continue;
        expect([first, second, diagnose(first, second).words]).toEqual([
          first,
          second,
          diagnose(first).words,
        ]);
      }
  });

  it('counts the hashes of each restaurant by itself', () => {
    const tenants = Array.from({ length: 25 }, (_, n) => ({ misses: 4, hashes: hashes(4, `r${n}-`) }));
    const window = { hits: 0, misses: MISSES, creations: 0 };
    const found = diagnoseKey('menu', FROM, window, { ...NOTHING, tenants });
    expect(found).toMatchObject({ cause: 'unknown', distinctHashes: 100 });
  });
});
