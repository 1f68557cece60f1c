import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';

export interface RedisOptions {
  readonly url: string;
  /** Path of the certificates, in PEM, that sign Redis' own; of effect with `rediss:`. Default: those that Node trusts. */
  readonly tlsCa?: string | undefined;
  /** Longest wait for an answer, in ms. */
  readonly commandTimeoutMs?: number;
  /** Commands of one turn of the event loop go out as one write. Default: false. */
  readonly autoPipelining?: boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * What was written to a connection that broke is given up with it. ioredis would write it once more to the next one,
 * also where its time was up long ago: an instant taken for nobody, a lock that nobody holds.
 */
const NEVER_LATE = { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false } as const;

/**
 * A connection that fails at once where Redis is away, instead of queueing: a permit that arrives late is worth
 * nothing. One limiter a connection: rate-limiter-flexible defines its script by connection, and the last one wins.
 */
export function connectRedis(options: RedisOptions): Redis {
  const redis = new Redis(options.url, {
    ...redisTls(options.url, options.tlsCa),
    lazyConnect: true,
    enableOfflineQueue: false,
    ...NEVER_LATE,
    commandTimeout: options.commandTimeoutMs ?? 500,
    connectTimeout: 1_000,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
    enableReadyCheck: true,
    enableAutoPipelining: options.autoPipelining ?? false,
  });
  redis.on('error', options.onError);
  redis.connect().catch(options.onError);
  return redis;
}

/** How a connection by `rediss:` is verified: always. Throws where the file cannot be read. */
export function redisTls(url: string, ca: string | undefined): { readonly tls?: ConnectionOptions } {
  if (new URL(url).protocol !== 'rediss:') return {};
  // Also where NODE_TLS_REJECT_UNAUTHORIZED says otherwise.
  return { tls: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: readFileSync(ca) }) } };
}

/** Waits until the connection is ready, at most `timeoutMs`. False: it is not; it goes on trying. */
export function redisReady(redis: Redis, timeoutMs: number): Promise<boolean> {
  if (redis.status === 'ready') return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (ready: boolean): void => {
      clearTimeout(timer);
      redis.off('ready', onReady);
      resolve(ready);
    };
    const onReady = (): void => done(true);
    const timer = setTimeout(() => done(false), timeoutMs);
    redis.on('ready', onReady);
  });
}
