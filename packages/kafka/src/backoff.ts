/** Bounds of a growing pause, in milliseconds. */
export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * The pause before try number `failures + 1`: doubles from `minMs` to `maxMs`, then spread over its upper half so that many
 * processes do not come back at one instant.
 */
export function backoffMs(failures: number, bounds: BackoffBounds, random: () => number): number {
  const ceiling = Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.min(Math.max(failures - 1, 0), 30));
  return Math.round(ceiling * (0.5 + random() / 2));
}
