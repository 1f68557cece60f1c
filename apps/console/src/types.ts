/** What the API answers with, as far as the console reads it. */
export interface QueueMetrics {
  readonly accepted: number;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly completed: number;
  readonly failed: number;
  readonly dead: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly unknown: number;
  readonly undecided: number;
  readonly tenantConcurrency: Readonly<Record<string, { readonly active: number; readonly limit: number }>>;
}

export interface RestaurantLoad {
  readonly restaurantId: string;
  readonly status: string;
  readonly statusReason: string | null;
  /** Conversations with something to send. */
  readonly conversations: number;
  /** How long the oldest of them has had its turn before it, in ms. */
  readonly oldestMs: number | null;
  readonly dead: number;
}

/** How long something took. */
export interface Quantiles {
  readonly count: number;
  /** Null: there was none. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

/** Of all processes that call the provider, over the last `windowMs`. */
export interface Latency {
  readonly windowMs: number;
  /** From acceptance to the first request at the provider. */
  readonly wait: Quantiles;
  /** A call of the provider. */
  readonly call: Quantiles;
}

/** A breaker that is not closed. */
export interface OpenBreaker {
  /** Null: the provider's as a whole. */
  readonly accountSid: string | null;
  readonly state: string;
  readonly since: string;
  readonly restaurantIds: readonly string[];
  /** Of the processes that see it so. */
  readonly instances: readonly string[];
}

export interface Live {
  readonly at: string;
  readonly queue: QueueMetrics;
  readonly oldestHeadMs: number | null;
  readonly restaurants: readonly RestaurantLoad[];
  readonly rate: { readonly mode: string; readonly perSecond: number | null };
  readonly openAlerts: number;
  readonly pauses: number;
  /** Null: nobody tells, so nothing is known. */
  readonly latency: Latency | null;
  readonly breakers: readonly OpenBreaker[];
}

export interface Message {
  readonly id: string;
  readonly status: string;
  readonly restaurantId: string;
  readonly conversationId: string | null;
  readonly priority: number | null;
  readonly attempts: readonly {
    readonly attempt: number;
    readonly outcome: string;
    readonly startedAt: string;
    readonly finishedAt: string | null;
    readonly httpStatus: number | null;
    readonly code: number | null;
    readonly sid: string | null;
  }[];
  readonly sid: string | null;
  readonly error: { readonly class: string; readonly code: number | null } | null;
  readonly redrives: number;
  readonly acceptedAt: string | null;
  readonly changedAt: string | null;
  readonly traceId: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly timeline?: readonly {
    readonly at: string;
    readonly event: string;
    readonly attempt?: number;
    readonly outcome?: string;
    readonly sid?: string;
    readonly code?: number;
  }[];
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface UnknownEntry {
  readonly id: string;
  readonly restaurantId: string;
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly since: string;
  readonly undecided: boolean;
}

export interface Pause {
  readonly scope: 'all' | 'tenant' | 'sender';
  readonly restaurantId: string | null;
  readonly number: string | null;
  readonly since: string;
  readonly until: string | null;
  readonly by: string;
  readonly reason: string;
}

export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
  readonly creations: number;
  readonly hitRate: number | null;
  readonly missRate: number | null;
  readonly totalRequests: number;
}

export interface CacheAlert {
  readonly scope: 'global' | 'key';
  readonly key: string | null;
  readonly state: 'open' | 'closed';
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly missRate: number;
  readonly cause: string;
  readonly message: string;
}

export interface CacheMetrics {
  readonly runtime: CacheCounts & {
    readonly byKey: Readonly<Record<string, CacheCounts>>;
    readonly window: CacheCounts & { readonly from: string; readonly to: string };
  };
  readonly health: { readonly status: string; readonly reasons: readonly string[] };
  readonly alerts: readonly CacheAlert[];
}
