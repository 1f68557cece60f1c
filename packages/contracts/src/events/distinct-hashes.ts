import { createHash } from 'node:crypto';

/** How many values a sketch keeps: up to one fewer it counts exactly, beyond it errs by about 6 %. */
export const SKETCH_SIZE = 256;
const RANGE = 2 ** 48;

/**
 * Counts distinct hashes in bounded space: the `SKETCH_SIZE` smallest of their values (k minimum values), ascending. The union of two
 * sketches is the sketch of the union, in any order and however often, so that partial sketches add up wherever they meet.
 */
export type HashSketch = readonly number[];

/** Where a hash falls in 0 ≤ n < 2⁴⁸. */
export function sketchValue(hash: string): number {
  return createHash('sha256').update(hash).digest().readUIntBE(0, 6);
}

export function mergeSketches(sketches: readonly HashSketch[]): HashSketch {
  const [only] = sketches;
  if (only !== undefined && sketches.length === 1) return only;
  return [...new Set(sketches.flat())].sort((a, b) => a - b).slice(0, SKETCH_SIZE);
}

export function distinctHashes(sketch: HashSketch): number {
  const last = sketch.at(-1);
  if (last === undefined || sketch.length < SKETCH_SIZE) return sketch.length;
  return Math.round(((SKETCH_SIZE - 1) * RANGE) / last);
}
