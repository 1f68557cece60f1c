export { BREAKER, Breaker, type BreakerOptions } from './breaker.js';
export { Dispatcher, type DispatcherOptions } from './dispatcher.js';
export { byPriority, type Head } from './head.js';
export { outranks, type ReportedState, reportedState } from './provider-status.js';
export {
  MAX_AGE_MS,
  type RetryDecision,
  type RetryInput,
  type RetryPolicy,
  scheduleRetry,
} from './retry-schedule.js';
export { OLDEST_EVERY, TenantHeads } from './tenant-heads.js';
