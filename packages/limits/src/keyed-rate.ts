import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { KEYED_HORIZON_US, keyedGcra } from './keyed-gcra.lua.js';
import { LocalGcra } from './local-gcra.js';
import { RemoteClock } from './remote-clock.js';
import { claimScript } from './script-owner.js';

/** Instants are given at most this far ahead, in ms. */
export const KEYED_HORIZON_MS = KEYED_HORIZON_US / 1_000;
/**
 * A second's worth of instants is spread over this much more than a second, in ms: timers fire late and round trips
 * differ, and the rate shall hold where the requests arrive.
 */
export const KEYED_JITTER_MS = 20;
/** Keys remembered in this process. */
const MOST_KEYS = 20_000;

export interface RateAsk {
  /** A restaurant's, or a sender number's. No phone number in clear. */
  readonly key: string;
  /** Above 0, at most 1,000; fractions are rates below one a second. */
  readonly perSecond: number;
}

export interface KeyedGrant {
  /** False: beyond the horizon; nothing is reserved, ask again at `at`. */
  readonly granted: boolean;
  /** The instant, on the caller's monotonic clock in ms. */
  readonly at: number;
  /** From the answer's arrival until then, in ms; 0 or more. */
  readonly waitMs: number;
}

export interface KeyedRate {
  /** One grant for each ask, in order. Never throws for Redis' sake. */
  reserve(asks: readonly RateAsk[]): Promise<KeyedGrant[]>;
  /** Whether the last answer came from Redis. */
  readonly shared: boolean;
}

export interface KeyedRateOptions {
  /** A connection of its own (see claimScript), with auto-pipelining: the asks of one call are one round trip. */
  readonly redis: Redis;
  readonly prefix: string;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/**
 * Rates of restaurants and of sender numbers, each at its own: reserving GCRAs with a burst of one. They can change
 * with every call.
 *
 * Redis keeps the last instants, so that they hold over handovers; this process keeps those that it was given, so that
 * they hold through a flush and while Redis is away. A restaurant's partition has one owner, which alone sends for it:
 * what the owner remembers is exact then. What is not: a handover while Redis is away or was just emptied, after which
 * a key's first instant may be up to an interval early.
 */
export function createKeyedRate(options: KeyedRateOptions): KeyedRate {
  const { redis, now } = options;
  claimScript(redis, 'the rates by key');
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: options.prefix,
    points: 1,
    duration: 1,
    rejectIfRedisNotReady: true,
    customIncrTtlLuaScript: keyedGcra,
  });
  const local = new LocalGcra(MOST_KEYS);
  const clock = new RemoteClock();
  redis.on('close', () => clock.forget());
  let shared = false;

  /** The instant that Redis gives, by its own clock in ms; undefined while it is away. */
  const ask = async (
    key: string,
    intervalMs: number,
  ): Promise<{ remoteAt: number; granted: boolean } | undefined> => {
    const sentAt = now();
    const at = (answer: RateLimiterRes): number => {
      const [ahead = Number.NaN, time = Number.NaN] = `${answer.msBeforeNext}`.split(' ').map(Number);
      clock.note(sentAt, now(), time / 1_000);
      return (time + ahead) / 1_000;
    };
    try {
      const answer = await limiter.consume(key, 1, { customDuration: Math.ceil(intervalMs * 1_000) });
      return { remoteAt: at(answer), granted: true };
    } catch (rejected) {
      if (rejected instanceof RateLimiterRes) return { remoteAt: at(rejected), granted: false };
      return undefined;
    }
  };

  return {
    get shared() {
      return shared;
    },
    async reserve(asks) {
      const sentAt = now();
      const intervals = asks.map(intervalOf);
      const answers = await Promise.all(asks.map(({ key }, n) => ask(key, intervals[n] as number)));
      const answeredAt = now();
      return asks.map(({ key }, n) => {
        const answer = answers[n];
        shared = answer !== undefined;
        const at = local.next(key, intervals[n] as number, answer ? clock.toLocal(answer.remoteAt) : sentAt);
        const granted = (answer?.granted ?? true) && at - answeredAt <= KEYED_HORIZON_MS;
        if (granted) local.give(key, at);
        const asksAgainAt = granted ? at : at - KEYED_HORIZON_MS;
        return { granted, at: asksAgainAt, waitMs: Math.max(0, asksAgainAt - answeredAt) };
      });
    },
  };
}

function intervalOf({ perSecond }: RateAsk): number {
  if (!(perSecond > 0 && perSecond <= 1_000))
    throw new RangeError('a rate is above 0 and at most 1,000 a second');
  return (1_000 + KEYED_JITTER_MS) / perSecond;
}
