export {
  ASK_AGAIN_MS,
  createGlobalRate,
  createUnlimitedRate,
  type GlobalRate,
  type GlobalRateOptions,
  type Instant,
  LARGEST_UNCERTAINTY_MS,
  RateUnavailable,
  type Reservation,
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
export { connectRedis, type RedisOptions, redisReady, redisTls } from './redis.js';
export { type GroupView, type MemberView, nextGroup, REDIS_BACK_MS } from './group-decision.js';
export { createShare } from './share.js';
export {
  type Given,
  GRACE_MS,
  leadFor,
  type LogLimit,
  logLimit,
  mostAtOnce,
  SAFE_SHARE,
  SlidingLog,
} from './sliding-log.js';
