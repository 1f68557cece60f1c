export { BREAKER, Breaker, type BreakerOptions, type Started } from './breaker.js';
export {
  type Blame,
  BREAKERS,
  type BreakerTrouble,
  Breakers,
  type BreakersOptions,
  type StartedBoth,
} from './breakers.js';
export { Dispatcher, type DispatcherOptions, type Picked } from './dispatcher.js';
export { byPriority, type Head } from './head.js';
export { LIMIT_WATCH, LimitWatch, type LimitWatchOptions } from './limit-watch.js';
export { outranks, type ReportedState, reportedState } from './provider-status.js';
export {
  MAX_AGE_MS,
  type RetryDecision,
  type RetryInput,
  type RetryPolicy,
  scheduleRetry,
} from './retry-schedule.js';
export { OLDEST_EVERY, TenantHeads } from './tenant-heads.js';
