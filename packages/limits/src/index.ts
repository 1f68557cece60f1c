export {
  createGlobalRate,
  createUnlimitedRate,
  type GlobalRate,
  type GlobalRateOptions,
  INSTANT_GRACE_MS,
  type Instant,
  LEAD_MS,
  LARGEST_UNCERTAINTY_MS,
  RateUnavailable,
  type Reservation,
  SAFE_SHARE,
} from './global-rate.js';
export {
  createKeyedRate,
  KEYED_HORIZON_MS,
  KEYED_JITTER_MS,
  type KeyedGrant,
  type KeyedRate,
  type KeyedRateOptions,
  type RateAsk,
} from './keyed-rate.js';
export {
  createIntakeRate,
  type IntakeAnswer,
  type IntakeRate,
  type IntakeRateOptions,
} from './intake-rate.js';
export { RemoteClock } from './remote-clock.js';
export { connectRedis, type RedisOptions, redisReady } from './redis.js';
export { type GroupView, type MemberView, nextGroup, REDIS_BACK_MS } from './group-decision.js';
export { createShare } from './share.js';
