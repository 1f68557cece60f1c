import { setTimeout as sleepFor } from 'node:timers/promises';
import { topicNames } from '@mersal/contracts';
import { kafkaConnection } from './events/kafka-environment.js';
import { EventStream } from './events/event-stream.js';
import { type CacheLogger, reasonOf, stderrLogger } from './logger.js';
import type { CacheMetrics } from './metrics/counts.js';
import { Recorder } from './metrics/recorder.js';
import { type CacheReport, cacheReport } from './metrics/report.js';
import type { CacheEventDetails } from './metrics/reported.js';
import { SidCache } from './sid-cache.js';
import type { SidCacheTimes } from './sid-cache-times.js';
import type { TemplateCreator, TemplateFinder } from './template-creator.js';
import { identityOf, type TemplateIdentity } from './template-identity.js';
import { DatabaseTier } from './tiers/database-tier.js';
import { RedisTier } from './tiers/redis-tier.js';
import { type Warmed, warmUp, type TemplateToWarm, type WarmUpOptions } from './warm-up.js';

export interface TemplateCacheOptions {
  /**
   * KAFKA_BROKERS (and its TLS and SASL settings), REDIS_URL (and REDIS_TLS_CA), DATABASE_URL, WHATSAPP_SEND_QUEUE_NAME, TWILIO_ACCOUNT_SID, LOG_LEVEL.
   * Each may be missing: without Redis and Postgres the memory of this process is the cache, without Kafka nothing is published.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: JSON lines on stderr, from LOG_LEVEL on. */
  readonly logger?: CacheLogger;
  readonly times?: Partial<SidCacheTimes>;
  /** Of all keys in Redis. */
  readonly redisPrefix?: string;
  /** Milliseconds since 1970. */
  readonly wallClock?: () => number;
}

/** What a template is, besides its key. */
export interface TemplateOptions {
  /** Whose template it is. Default: TWILIO_ACCOUNT_SID, else `default`. */
  readonly restaurantId?: string;
  /** The account at the provider that it belongs to. Default: the restaurant. Give it where a restaurant may change its account. */
  readonly accountSid?: string;
  /** What is baked into the template. Not what its variables are filled with: each value would be a template of its own. */
  readonly data?: unknown;
  readonly language?: string;
  readonly find?: TemplateFinder;
}

const DEFAULT_TIMES: SidCacheTimes = {
  memoryMs: 300_000,
  staleMs: 600_000,
  creatorMs: 20_000,
  failureMs: 5_000,
  pollMs: 100,
};

/** The cache of one process. Opens no connection before it is used. */
export class TemplateCache {
  readonly #defaultAccount: string;
  readonly #logger: CacheLogger;
  readonly #events: EventStream | undefined;
  readonly #redis: RedisTier | undefined;
  readonly #database: DatabaseTier | undefined;
  readonly #recorder: Recorder;
  readonly #wallClock: () => number;
  readonly #sids: SidCache;
  #logging: NodeJS.Timeout | undefined;

  constructor(options: TemplateCacheOptions = {}) {
    const env = options.env ?? process.env;
    this.#wallClock = options.wallClock ?? Date.now;
    this.#logger = options.logger ?? stderrLogger(env['LOG_LEVEL']);
    this.#defaultAccount = env['TWILIO_ACCOUNT_SID'] || 'default';
    const connection = kafkaConnection(env, this.#logger);
    const topic = topicNames(env['WHATSAPP_SEND_QUEUE_NAME'] || undefined).templateEvents;
    const events = connection && new EventStream({ connection, topic, logger: this.#logger });
    this.#events = events;
    const onError = (store: string) => (error: unknown) =>
      this.#logger.debug({ reason: reasonOf(error) }, `a connection to ${store} broke`);
    const prefix = options.redisPrefix ?? 'mersal:template';
    this.#redis = env['REDIS_URL']
      ? new RedisTier({
          url: env['REDIS_URL'],
          prefix,
          onError: onError('Redis'),
          ca: env['REDIS_TLS_CA'] || undefined,
        })
      : undefined;
    this.#database = env['DATABASE_URL']
      ? new DatabaseTier(env['DATABASE_URL'], onError('Postgres'))
      : undefined;
    this.#recorder = new Recorder({
      logger: this.#logger,
      wallClock: this.#wallClock,
      defaultTenant: this.#defaultAccount,
      ...(events ? { publish: (event) => events.add(event) } : {}),
    });
    this.#sids = new SidCache({
      redis: this.#redis,
      database: this.#database,
      recorder: this.#recorder,
      logger: this.#logger,
      times: { ...DEFAULT_TIMES, ...options.times },
      sleep: async (ms) => {
        await sleepFor(ms);
      },
      now: () => performance.now(),
      random: Math.random,
    });
  }

  /**
   * The SID of a template; created by `creator` where none is known, once over all processes that share Redis and Postgres. Hits, misses
   * and creations are recorded. Throws TemplateCacheError, or what the creator or the finder throws.
   */
  async getCachedContentSid(
    key: string,
    creator: TemplateCreator,
    options: TemplateOptions = {},
  ): Promise<string> {
    const tenant = options.restaurantId ?? this.#defaultAccount;
    const identity = this.#identity(key, options);
    return (
      this.#sids.remembered(identity, tenant) ??
      this.#sids.sidOf({ identity, tenant, creator, find: options.find })
    );
  }

  /** To be told that the provider knows the SID no more: it is forgotten everywhere, unless another has taken its place. */
  async forgetContentSid(key: string, sid: string, options: TemplateOptions = {}): Promise<void> {
    await this.#sids.forget(this.#identity(key, options), sid);
  }

  /** Forgets every template of an account, or of a restaurant whose account was not given. Returns how many were stored. */
  async purgeAccount(account: string): Promise<number> {
    return this.#sids.purge(account);
  }

  /**
   * Looks templates up before they are needed, and creates what is missing, a few at a time. One that fails stops no other. Returns what
   * became of each, in their order.
   */
  async warmUp(templates: readonly TemplateToWarm[], options: WarmUpOptions = {}): Promise<Warmed[]> {
    return warmUp(templates, options, ({ key, creator, options: more }) =>
      this.getCachedContentSid(key, creator, more),
    );
  }

  recordCacheHit(key: string, hash: string, sid?: string, details?: CacheEventDetails): void {
    this.#recorder.record('hit', key, hash, sid, details);
  }

  recordCacheMiss(key: string, hash: string, sid?: string, details?: CacheEventDetails): void {
    this.#recorder.record('miss', key, hash, sid, details);
  }

  recordCacheCreation(key: string, hash: string, sid?: string, details?: CacheEventDetails): void {
    this.#recorder.record('creation', key, hash, sid, details);
  }

  getCacheMetrics(): CacheMetrics {
    return this.#recorder.metrics();
  }

  /** This process, and what Postgres knows of all of them. Never throws: what can't be read is null, and `health` says why. */
  async getCacheReport(): Promise<CacheReport> {
    const runtime = { ...this.#recorder.report(), events: this.#events?.state ?? null };
    return cacheReport(runtime, this.#database, this.#wallClock());
  }

  /** Logs the metrics every so many milliseconds, at least 100. Calling it again changes the interval. */
  startMetricsLogging(everyMs: number): void {
    if (!Number.isFinite(everyMs) || everyMs < 100) throw new RangeError('the interval is at least 100 ms');
    this.stopMetricsLogging();
    this.#logging = setInterval(() => {
      this.#logger.info({}, `📊 Metrics: ${JSON.stringify(this.getCacheMetrics())}`);
    }, everyMs);
    this.#logging.unref();
  }

  stopMetricsLogging(): void {
    clearInterval(this.#logging);
    this.#logging = undefined;
  }

  /** Resolves once Kafka has every event recorded so far. Throws TemplateCacheError `flush_failed` after `timeoutMs`. */
  async flush(timeoutMs = 10_000): Promise<void> {
    await this.#events?.flush(timeoutMs);
  }

  /** Publishes what waits and ends every connection. Throws like `flush`, with the connections ended all the same. */
  async close(timeoutMs = 10_000): Promise<void> {
    this.stopMetricsLogging();
    try {
      await this.#events?.close(timeoutMs);
    } finally {
      await this.#sids.close();
      this.#redis?.close();
      await this.#database?.close();
    }
  }

  #identity(key: string, options: TemplateOptions): TemplateIdentity {
    const account = options.accountSid ?? options.restaurantId ?? this.#defaultAccount;
    return identityOf({ account, key, language: options.language, data: options.data });
  }
}
