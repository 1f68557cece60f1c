import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { RemoteClock } from './remote-clock.js';
import { claimScript } from './script-owner.js';
import { GRACE_MS, HORIZON_MS, leadFor, logLimit, mostAtOnce } from './sliding-log.js';
import { reportScript, reserveScript } from './sliding-log.lua.js';

/** Where Redis' clock is known less well than this, in ms, what was reserved is void: it can't be placed well enough. */
export const LARGEST_UNCERTAINTY_MS = 10;
/** A refused caller asks again this long before its instant, in ms: a little inside of the horizon. */
export const ASK_AGAIN_MS = HORIZON_MS * 0.8;
/** And at the latest after this, in ms: it may be the clock of Redis that is wrong. */
const LONGEST_WAIT_MS = 1_000;
/** Reports kept for the next reservation: more than one second's worth says nothing new to most limits. */
const MOST_REPORTS = 2_000;

/** A moment at which one request may be written, on the caller's monotonic clock in ms. */
export interface Instant {
  readonly at: number;
  /** False once it is too late, or the connection it came over broke. */
  isValid(now: number): boolean;
  /** Its request was written by then. What is not reported counts as late as it may have been. */
  written(by: number): void;
  /** No request was written at it, nor will be: others may have its place. */
  unused(): void;
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
   * Reserves up to `most` instants, at most `atOnce` of them. The caller can write `readyInMs` from now, default at once: none of
   * them is over by then. Throws RateUnavailable.
   */
  reserve(most: number, readyInMs?: number): Promise<Reservation>;
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

/** A report as the script takes it: an instant, and by when its request was written; undefined: it was not used. In µs. */
interface Report {
  readonly instant: number;
  readonly by: number | undefined;
}

type Reporting = Redis & {
  reportInstants(key: string, intervalUs: number, ...pairs: string[]): Promise<number>;
};

/**
 * One rate over all instances, for any sliding second: SlidingLog in Redis. A caller gets instants, writes its requests at
 * them and says when it did; what it says goes to Redis with its next reservation.
 */
export function createGlobalRate(options: GlobalRateOptions): GlobalRate {
  const { redis, now } = options;
  claimScript(redis, 'the global rate');
  const limit = logLimit(options.perSecond);
  const intervalMs = limit.windowMs / limit.requests;
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: 'mersal:log',
    points: limit.requests,
    duration: limit.windowMs / 1_000,
    rejectIfRedisNotReady: true,
    customIncrTtlLuaScript: reserveScript,
  });
  redis.defineCommand('reportInstants', { numberOfKeys: 1, lua: reportScript });
  // Counts connections: instants of an earlier one are void, its Redis may have been another or emptied.
  let connection = 0;
  const clock = new RemoteClock();
  redis.on('close', () => {
    connection += 1;
    clock.forget();
  });
  let reports: Report[] = [];
  const report = (instant: number, by: number | undefined): void => {
    if (reports.length < MOST_REPORTS) reports.push({ instant, by });
  };
  const sendReports = (): void => {
    if (reports.length === 0) return;
    const pairs = reports.flatMap(({ instant, by }) => [
      instant.toFixed(0),
      by === undefined ? '' : by.toFixed(0),
    ]);
    reports = [];
    // Lost ones cost places, and let nothing through: what is not reported counts as late as it may have been.
    (redis as Reporting)
      .reportInstants(limiter.getKey(options.key), intervalMs * 1_000, ...pairs)
      .catch(() => undefined);
  };
  const toInstant = (us: number, over: number): Instant => {
    const at = clock.toLocal(us / 1_000);
    return {
      at,
      isValid: (moment) => moment <= at + GRACE_MS && over === connection,
      written: (by) => {
        const latest = clock.toRemote(by);
        if (over === connection && Number.isFinite(latest)) report(us, Math.ceil(latest * 1_000));
      },
      unused: () => report(us, undefined),
    };
  };
  const atOnce = mostAtOnce(options.perSecond);

  return {
    atOnce,
    async reserve(most, readyInMs = 0) {
      const count = Math.max(1, Math.min(most, atOnce));
      const sentAt = now();
      const over = connection;
      let answer: RateLimiterRes;
      try {
        if (redis.status === 'ready') sendReports();
        answer = await limiter.consume(options.key, count, { customDuration: leadFor(readyInMs) });
      } catch (rejected) {
        if (rejected instanceof RateLimiterRes) {
          const { redisUs, at } = timesOf(rejected);
          const aheadMs = ((at[0] ?? redisUs) - redisUs) / 1_000;
          return {
            kind: 'wait',
            retryAt: sentAt + Math.min(LONGEST_WAIT_MS, Math.max(1, aheadMs - ASK_AGAIN_MS)),
          };
        }
        throw new RateUnavailable(rejected);
      }
      const { redisUs, at } = timesOf(answer);
      if (over === connection) clock.note(sentAt, now(), redisUs / 1_000);
      if (over !== connection || clock.uncertainty > LARGEST_UNCERTAINTY_MS) {
        for (const us of at) report(us, undefined);
        return { kind: 'wait', retryAt: now() };
      }
      return { kind: 'instants', instants: at.map((us) => toInstant(us, over)) };
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
        (): Instant => ({ at, isValid: () => true, written: () => undefined, unused: () => undefined }),
      );
      return Promise.resolve({ kind: 'instants', instants });
    },
  };
}

/** The script answers in µs as text, so that nothing is rounded to whole ms: Redis' time, then the instants. */
function timesOf(answer: RateLimiterRes): { readonly redisUs: number; readonly at: readonly number[] } {
  const [redisUs = Number.NaN, ...at] = `${answer.msBeforeNext}`.split(' ').map(Number);
  return { redisUs, at };
}
