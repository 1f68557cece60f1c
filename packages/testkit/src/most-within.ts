/** Most of these moments (ms) within any window of this length; a window's end is not part of it. */
export function mostWithin(moments: readonly number[], windowMs: number): number {
  const sorted = moments.toSorted((a, b) => a - b);
  let from = 0;
  let most = 0;
  for (const [to, moment] of sorted.entries()) {
    while (moment - (sorted[from] as number) >= windowMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
