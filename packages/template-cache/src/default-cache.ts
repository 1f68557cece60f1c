import type { CacheMetrics } from './metrics/counts.js';
import type { CacheEventDetails } from './metrics/reported.js';
import type { TemplateCreator } from './template-creator.js';
import type { CacheReport } from './metrics/report.js';
import { TemplateCache, type TemplateCacheOptions, type TemplateOptions } from './template-cache.js';
import type { TemplateToWarm, Warmed, WarmUpOptions } from './warm-up.js';

let current: TemplateCache | undefined;

/** The cache that the environment describes, made with the first call of any function here. */
function cache(): TemplateCache {
  current ??= new TemplateCache();
  return current;
}

/** Sets up the cache of the functions below. @throws Error when one of them was called before */
export function configureTemplateCache(options: TemplateCacheOptions): void {
  if (current) throw new Error('the template cache is in use already: configure it before');
  current = new TemplateCache(options);
}

export async function getCachedContentSid(
  key: string,
  creator: TemplateCreator,
  options?: TemplateOptions,
): Promise<string> {
  return cache().getCachedContentSid(key, creator, options);
}

export async function forgetContentSid(key: string, sid: string, options?: TemplateOptions): Promise<void> {
  await cache().forgetContentSid(key, sid, options);
}

export async function purgeAccount(account: string): Promise<number> {
  return cache().purgeAccount(account);
}

export async function warmUp(
  templates: readonly TemplateToWarm[],
  options?: WarmUpOptions,
): Promise<Warmed[]> {
  return cache().warmUp(templates, options);
}

export function recordCacheHit(key: string, hash: string, sid?: string, details?: CacheEventDetails): void {
  cache().recordCacheHit(key, hash, sid, details);
}

export function recordCacheMiss(key: string, hash: string, sid?: string, details?: CacheEventDetails): void {
  cache().recordCacheMiss(key, hash, sid, details);
}

export function recordCacheCreation(
  key: string,
  hash: string,
  sid?: string,
  details?: CacheEventDetails,
): void {
  cache().recordCacheCreation(key, hash, sid, details);
}

/** Of this process. */
export function getCacheMetrics(): CacheMetrics {
  return cache().getCacheMetrics();
}

export async function getCacheReport(): Promise<CacheReport> {
  return cache().getCacheReport();
}

export function startMetricsLogging(everyMs: number): void {
  cache().startMetricsLogging(everyMs);
}

export function stopMetricsLogging(): void {
  current?.stopMetricsLogging();
}

export async function flush(timeoutMs?: number): Promise<void> {
  await current?.flush(timeoutMs);
}

/** Publishes what waits and ends every connection; the next call of a function here begins anew, with counts of zero. */
export async function closeTemplateCache(timeoutMs?: number): Promise<void> {
  const closing = current;
  current = undefined;
  await closing?.close(timeoutMs);
}
