export {
  createGlobalRate,
  createUnlimitedRate,
  type GlobalRate,
  type GlobalRateOptions,
  INSTANT_GRACE_MS,
  type Instant,
  LONGEST_ROUND_TRIP_MS,
  RateUnavailable,
  type Reservation,
  SAFE_SHARE,
} from './global-rate.js';
export { connectRedis, type RedisOptions } from './redis.js';
