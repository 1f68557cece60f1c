/** The value below which this share of all lies, exact: no buckets. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** `median (min–max)` of repeated measurements. */
export function spread(values: readonly number[], digits = 0): string {
  const text = (value: number): string => value.toFixed(digits);
  if (values.length === 1) return text(values[0] as number);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}
