import type { CacheMetrics } from './counts.js';

export interface CacheEventDetails {
  /** Which tier had it. */
  readonly source?: 'memory' | 'redis' | 'database';
  /** Why it was missed or created; at most 64 characters. */
  readonly reason?: string;
  /** Whose template it is. Default: the environment's account, else `default`. */
  readonly restaurantId?: string;
}

export interface RuntimeReport extends CacheMetrics {
  readonly byKey: Readonly<Record<string, CacheMetrics>>;
  /** The last five minutes. */
  readonly window: CacheMetrics;
  readonly spike: boolean;
}
