import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { RemoteClock } from './remote-clock.js';
import { HORIZON_US, reservingGcra } from './reserving-gcra.lua.js';
import { claimScript } from './script-owner.js';

/** The share of the limit that is used: what is left absorbs the jitter of clocks, timers and the network. */
export const SAFE_SHARE = 0.9625;
/** Where Redis' clock is known less well than this, in ms, what was reserved is void: it can't be placed well enough. */
export const LARGEST_UNCERTAINTY_MS = 10;
/** An instant not used within this time after it is void, in ms. */
export const INSTANT_GRACE_MS = 15;
const FEWEST_AT_ONCE = 4;
/** How far ahead the first instant is where the caller does not say, and the least and the most that it may say, in ms. */
export const LEAD_MS = { least: 8, most: 150 } as const;
/** A refused caller asks again this long before its instant, in ms: a little inside of the horizon. */
const ASK_AGAIN_MS = (HORIZON_US / 1_000) * 0.8;

/** A moment at which one request may be written, on the caller's monotonic clock in ms. */
export interface Instant {
  readonly at: number;
  /** False once it is too late, or the connection it came over broke. */
  isValid(now: number): boolean;
}

export type Reservation =
  | {
      readonly kind: 'instants';
      readonly instants: readonly Instant[];
      /** Of the group whose rate this is; claims must carry it. Undefined: no rate is kept. */
      readonly epoch?: number;
    }
  /** None now: ask again at `retryAt`. */
  | { readonly kind: 'wait'; readonly retryAt: number };

/** Redis did not answer, or too late. */
export class RateUnavailable extends Error {
  readonly code = 'rate_unavailable';
  constructor(cause: unknown) {
    super('the global rate cannot be reserved: Redis is away', { cause });
    this.name = 'RateUnavailable';
  }
}

export interface GlobalRate {
  /**
   * Reserves up to `most` instants, at most `atOnce` of them, none nearer than `leadMs`: in the meantime the caller makes its
   * claims. Throws RateUnavailable.
   */
  reserve(most: number, leadMs?: number): Promise<Reservation>;
  readonly atOnce: number;
}

export interface GlobalRateOptions {
  readonly redis: Redis;
  readonly key: string;
  /** Messages in any 1,000 ms, over all instances. */
  readonly perSecond: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/**
 * One rate over all instances, for any sliding second: a reserving GCRA with a burst of one. A caller gets instants
 * and writes its requests at them.
 */
export function createGlobalRate(options: GlobalRateOptions): GlobalRate {
  const { redis, now } = options;
  claimScript(redis, 'the global rate');
  const SCALE = 1_000;
  const points = Math.max(1, Math.floor(options.perSecond * SAFE_SHARE * SCALE));
  const intervalMs = (SCALE * 1_000) / points;
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: 'mersal',
    points,
    duration: SCALE,
    rejectIfRedisNotReady: true,
    customIncrTtlLuaScript: reservingGcra,
  });
  // Counts connections: instants of an earlier one are void, its Redis may have been another or emptied.
  let connection = 0;
  const clock = new RemoteClock();
  redis.on('close', () => {
    connection += 1;
    clock.forget();
  });
  // At a low rate few instants reach far ahead: their claims would hold slots that long, and other senders find none.
  const withinHorizon = Math.max(1, Math.floor(HORIZON_US / 1_000 / intervalMs));
  const atOnce = Math.min(withinHorizon, Math.max(FEWEST_AT_ONCE, Math.ceil(options.perSecond / 20)));

  return {
    atOnce,
    async reserve(most, leadMs = LEAD_MS.least) {
      const lead = Math.round(Math.min(LEAD_MS.most, Math.max(LEAD_MS.least, leadMs)));
      const count = Math.max(1, Math.min(most, atOnce));
      const sentAt = now();
      const over = connection;
      let answer: RateLimiterRes;
      try {
        answer = await limiter.consume(options.key, count, { customDuration: lead });
      } catch (rejected) {
        if (rejected instanceof RateLimiterRes) {
          const { aheadMs } = timesOf(rejected);
          return { kind: 'wait', retryAt: sentAt + Math.max(1, aheadMs - ASK_AGAIN_MS) };
        }
        throw new RateUnavailable(rejected);
      }
      if (over !== connection) return { kind: 'wait', retryAt: now() };
      const { aheadMs, redisMs } = timesOf(answer);
      clock.note(sentAt, now(), redisMs);
      if (clock.uncertainty > LARGEST_UNCERTAINTY_MS) return { kind: 'wait', retryAt: now() };
      const first = clock.toLocal(redisMs + aheadMs);
      const instants = Array.from({ length: count }, (_, i): Instant => {
        const at = first + i * intervalMs;
        return { at, isValid: (moment) => moment <= at + INSTANT_GRACE_MS && over === connection };
      });
      return { kind: 'instants', instants };
    },
  };
}

/** No limit: for benchmarks, and where another system keeps the rate. */
export function createUnlimitedRate(now: () => number): GlobalRate {
  return {
    atOnce: 256,
    reserve: (most) => {
      const at = now();
      const instants = Array.from(
        { length: Math.min(most, 256) },
        (): Instant => ({ at, isValid: () => true }),
      );
      return Promise.resolve({ kind: 'instants', instants });
    },
  };
}

/** The script answers in µs as text, so that nothing is rounded to whole ms: how far ahead, and Redis' time. */
function timesOf(answer: RateLimiterRes): { readonly aheadMs: number; readonly redisMs: number } {
  const [ahead = Number.NaN, time = Number.NaN] = `${answer.msBeforeNext}`.split(' ').map(Number);
  return { aheadMs: ahead / 1_000, redisMs: time / 1_000 };
}
