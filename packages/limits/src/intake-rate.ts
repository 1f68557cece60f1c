import type { Redis } from 'ioredis';
import { intakeBucket } from './intake-bucket.lua.js';

/** Keys remembered in this process. */
const MOST_KEYS = 20_000;
/** After a failure Redis is left alone for so long, in ms. */
const PAUSE_MS = 1_000;

export interface IntakeAnswer {
  readonly admitted: boolean;
  /** How many may come at once, and how many of them are left. */
  readonly limit: number;
  readonly remaining: number;
  /** Until all are there again, in ms. */
  readonly resetMs: number;
  /** Until one more is admitted, in ms; 0: it is now. */
  readonly retryMs: number;
}

export interface IntakeRate {
  /** Never throws for Redis' sake. */
  take(key: string, count: number): Promise<IntakeAnswer>;
}

export interface IntakeRateOptions {
  readonly perSecond: number;
  /** Without it, or while it is away, each process counts for itself. */
  readonly redis: Redis | undefined;
  readonly prefix: string;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

interface Bucket {
  readonly intervalMs: number;
  /** How far ahead a key may be: a second's worth, at least one. */
  readonly burstMs: number;
}

/**
 * How many a key may bring in, as a token bucket: a second's worth at once, then as many as the rate gives. Several at once are
 * admitted where one would be, and paid for afterwards: so a batch larger than the bucket passes, and the rate holds over time.
 */
export function createIntakeRate(options: IntakeRateOptions): IntakeRate {
  const { redis, now, prefix, perSecond } = options;
  const intervalMs = 1_000 / perSecond;
  const bucket: Bucket = { intervalMs, burstMs: Math.max(1_000, intervalMs) };
  const paidAt = new Map<string, number>();
  let leftAloneUntil = Number.NEGATIVE_INFINITY;
  redis?.defineCommand('intakeBucket', { numberOfKeys: 1, lua: intakeBucket });

  const local = (key: string, count: number): IntakeAnswer => {
    const at = now();
    const before = Math.max(0, (paidAt.get(key) ?? at) - at);
    const taken = takeFrom(bucket, before, count);
    paidAt.delete(key);
    paidAt.set(key, at + taken.aheadMs);
    if (paidAt.size > MOST_KEYS) {
      const oldest = paidAt.keys().next();
      if (!oldest.done) paidAt.delete(oldest.value);
    }
    return answerOf(bucket, taken);
  };

  return {
    async take(key, count) {
      if (redis === undefined || now() < leftAloneUntil) return local(key, count);
      try {
        const [admitted, ahead] = await (redis as RedisWithBucket).intakeBucket(
          `${prefix}${key}`,
          intervalMs * 1_000,
          bucket.burstMs * 1_000,
          count,
        );
        return answerOf(bucket, { admitted: admitted === 1, aheadMs: Number(ahead) / 1_000 });
      } catch (error) {
        leftAloneUntil = now() + PAUSE_MS;
        options.onError(error);
        return local(key, count);
      }
    },
  };
}

interface RedisWithBucket extends Redis {
  intakeBucket(key: string, interval: number, burst: number, count: number): Promise<[number, string]>;
}

interface Taken {
  readonly admitted: boolean;
  readonly aheadMs: number;
}

/** The bucket's rule, as in its script. */
function takeFrom({ intervalMs, burstMs }: Bucket, aheadMs: number, count: number): Taken {
  // Sums of intervals are off by less than a millionth.
  if (aheadMs + intervalMs > burstMs + intervalMs / 1e6) return { admitted: false, aheadMs };
  return { admitted: true, aheadMs: aheadMs + intervalMs * count };
}

function answerOf({ intervalMs, burstMs }: Bucket, { admitted, aheadMs }: Taken): IntakeAnswer {
  const whole = (ms: number): number => Math.max(0, Math.floor(ms / intervalMs + 1e-6));
  return {
    admitted,
    limit: whole(burstMs),
    remaining: whole(burstMs - aheadMs),
    resetMs: aheadMs,
    retryMs: Math.max(0, aheadMs + intervalMs - burstMs),
  };
}
