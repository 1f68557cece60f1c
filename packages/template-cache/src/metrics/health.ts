import type { CacheMetrics } from './counts.js';

export interface CacheHealth {
  readonly status: 'good' | 'fair' | 'degraded' | 'poor' | 'unknown';
  readonly reasons: readonly string[];
}

/** Above 95 % of hits good, from 90 fair, from 80 degraded, else poor; without requests nothing is known. */
export function healthOf({ hitRate }: CacheMetrics, spike: boolean): CacheHealth {
  if (hitRate === null) return { status: 'unknown', reasons: ['no requests yet'] };
  const status = hitRate > 0.95 ? 'good' : hitRate >= 0.9 ? 'fair' : hitRate >= 0.8 ? 'degraded' : 'poor';
  const reasons = status === 'good' ? [] : [`hit rate ${(hitRate * 100).toFixed(1)} %`];
  if (spike) reasons.push('more than half of the last five minutes were misses');
  return { status, reasons };
}
