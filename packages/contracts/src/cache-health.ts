export interface CacheHealth {
  readonly status: 'good' | 'fair' | 'degraded' | 'poor' | 'unknown';
  readonly reasons: readonly string[];
}

/**
 * `hitRate` is 0–1, null without requests: above 0.95 good, from 0.90 fair, from 0.80 degraded, below poor. `alerts`: what is wrong now,
 * in words, which adds reasons: a spike hardly moves the rate of all time.
 */
export function cacheHealth(hitRate: number | null, alerts: readonly string[] = []): CacheHealth {
  const { status, reasons } = byRate(hitRate);
  return { status, reasons: [...reasons, ...alerts] };
}

function byRate(hitRate: number | null): CacheHealth {
  if (hitRate === null) return { status: 'unknown', reasons: ['no requests yet'] };
  const shown = `the hit rate is ${(hitRate * 100).toFixed(1)} %`;
  if (hitRate > 0.95) return { status: 'good', reasons: [] };
  if (hitRate >= 0.9) return { status: 'fair', reasons: [`${shown}, not above 95 %`] };
  if (hitRate >= 0.8) return { status: 'degraded', reasons: [`${shown}, below 90 %`] };
  return { status: 'poor', reasons: [`${shown}, below 80 %`] };
}
