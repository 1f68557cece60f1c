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
export { hashData } from './hash-data.js';
export type { CacheLogger } from './logger.js';
export type { CacheMetrics } from './metrics/counts.js';
export type { CacheHealth } from './metrics/health.js';
export type { CacheEventDetails, RuntimeReport } from './metrics/reported.js';
export type { SidCacheTimes } from './sid-cache-times.js';
export type { TemplateCreator, TemplateFinder } from './template-creator.js';
export {
  type CacheReport,
  type DatabaseReport,
  TemplateCache,
  type TemplateCacheOptions,
  type TemplateOptions,
} from './template-cache.js';
export { TemplateCacheError, type TemplateCacheErrorCode } from './template-cache-error.js';
export type { TemplateToWarm, Warmed, WarmUpOptions, WarmUpProgress } from './warm-up.js';
