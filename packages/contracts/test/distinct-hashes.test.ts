import { distinctHashes, mergeSketches, SKETCH_SIZE, sketchValue } from '@mersal/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const sketchOf = (hashes: readonly string[]) => mergeSketches([hashes.map(sketchValue), []]);

describe('a sketch of distinct hashes', () => {
  it('is the same however its parts met, and however often', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 2_000 }).map(String))), (parts) => {
        const whole = sketchOf(parts.flat());
        const sketches = parts.map(sketchOf);
        expect(mergeSketches([...sketches, [], ...sketches.toReversed()])).toEqual(whole);
        expect(sketches.reduce((a, b) => mergeSketches([a, b]), [] as readonly number[])).toEqual(whole);
      }),
    );
  });

  it('counts exactly below its size, and within a fifth far above', () => {
    for (const n of [0, 1, 61, SKETCH_SIZE - 1])
      expect(distinctHashes(sketchOf(Array.from({ length: n }, (_, i) => `h-${i}`)))).toBe(n);
    for (const n of [1_000, 20_000]) {
      const told = distinctHashes(sketchOf(Array.from({ length: n }, (_, i) => `h-${i}`)));
      expect(Math.abs(told - n) / n).toBeLessThan(0.2);
    }
  });
});
