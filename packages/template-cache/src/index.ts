export { NotJsonError } from './canonical-json.js';
export {
  closeTemplateCache,
  configureTemplateCache,
  flush,
  forgetContentSid,
  getCachedContentSid,
  getCacheMetrics,
  getCacheReport,
  purgeAccount,
  recordCacheCreation,
  recordCacheHit,
  recordCacheMiss,
  startMetricsLogging,
  stopMetricsLogging,
  warmUp,
} from './default-cache.js';
export type { CreatorFault } from './failed-creation.js';
export { hashData } from './hash-data.js';
export type { CacheLogger } from './logger.js';
export type { CacheMetrics } from './metrics/counts.js';
export type { CacheHealth } from '@mersal/contracts/cache-health';
export type { CacheAlertReport } from './metrics/recorded.js';
export type { CacheReport, DatabaseReport } from './metrics/report.js';
export type { CacheEventDetails, RuntimeReport } from './metrics/reported.js';
export type { SidCacheTimes } from './sid-cache-times.js';
export type { TemplateCreator, TemplateFinder } from './template-creator.js';
export {
  TemplateCache,
  type TemplateCacheOptions,
  type TemplateOptions,
} from './template-cache.js';
export { TemplateCacheError, type TemplateCacheErrorCode } from './template-cache-error.js';
export type { TemplateToWarm, Warmed, WarmUpOptions, WarmUpProgress } from './warm-up.js';
