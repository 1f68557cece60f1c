import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import type { TemplateIdentity } from '../template-identity.js';
import { redisKeys, removedKey } from './redis-keys.js';
import { GONE_MS, type SidTier, type TierAnswer } from './sid-tier.js';

/** How long Redis keeps a SID, in ms. */
export const KEEP_MS = 24 * 3_600_000;

export interface RedisTierOptions {
  readonly url: string;
  /** Of all keys. */
  readonly prefix: string;
  readonly onError: (error: unknown) => void;
  /** The path of a CA's certificates. */
  readonly ca?: string | undefined;
  /** How long a SID is kept, in ms. */
  readonly keepMs?: number;
  /** How long a removal is remembered, in ms. */
  readonly goneMs?: number;
}

/**
 * KEYS lock, fence; ARGV how long the lock holds in ms. The token, or nil while another holds the lock. Tokens rise, so that of two that
 * think they hold it the later one is known.
 */
const ACQUIRE = `
if redis.call('exists', KEYS[1]) == 1 then return false end
local token = redis.call('incr', KEYS[2])
redis.call('pexpire', KEYS[2], 86400000)
redis.call('set', KEYS[1], token, 'px', ARGV[1])
return tostring(token)`;
/** KEYS lock, sid; ARGV token, sid, how long to keep it in ms. Stores it unless the lock went to another; the sid that counts. */
const STORE_FENCED = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  redis.call('set', KEYS[2], ARGV[2], 'px', ARGV[3])
  return ARGV[2]
end
return redis.call('get', KEYS[2])`;
/**
 * KEYS sid, removed; ARGV sid, how long to keep it in ms. Stores it unless just this one was removed lately: who looked it up before that
 * must not bring it back. The sid that counts, or nil.
 */
const STORE = `
if redis.call('exists', KEYS[2]) == 1 then return redis.call('get', KEYS[1]) end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return ARGV[1]`;
/**
 * KEYS sid, gone, removed; ARGV sid, whether it went elsewhere (1), how long to remember that in ms. Deletes the SID if it still is this one:
 * 1 then, else 0.
 */
const REMOVE = `
local was = 0
if redis.call('get', KEYS[1]) == ARGV[1] then was = redis.call('del', KEYS[1]) end
if was == 1 or ARGV[2] == '1' then
  redis.call('set', KEYS[2], '1', 'px', ARGV[3])
  redis.call('set', KEYS[3], '1', 'px', ARGV[3])
end
return was`;
/** KEYS one key; ARGV value. Deletes it if it still has this value. */
const DELETE_IF = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

/** The fast tier and the locks between processes. Connects with the first call; fails at once while Redis is away. */
export class RedisTier implements SidTier {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #keepMs: number;
  readonly #goneMs: number;
  #connecting: Promise<void> | undefined;

  constructor({ url, prefix, onError, ca, keepMs = KEEP_MS, goneMs = GONE_MS }: RedisTierOptions) {
    this.#prefix = prefix;
    this.#keepMs = keepMs;
    this.#goneMs = goneMs;
    this.#redis = new Redis(url, {
      ...(new URL(url).protocol === 'rediss:'
        ? { tls: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: readFileSync(ca) }) } }
        : {}),
      lazyConnect: true,
      enableOfflineQueue: false,
      // What was written to a connection that broke is not written again to the next: a SID put late may be removed by then.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      commandTimeout: 1_000,
      connectTimeout: 1_000,
      retryStrategy: (times) => Math.min(100 * times, 2_000),
    });
    this.#redis.on('error', onError);
  }

  /** `failed`: what was told of a creation that failed a moment ago. */
  async get(identity: TemplateIdentity): Promise<TierAnswer & { readonly failed: string | undefined }> {
    const redis = await this.#ready();
    const keys = this.#keys(identity);
    const [sid, gone, failed] = await redis.mget(keys.sid, keys.gone, keys.failed);
    return { sid: sid ?? undefined, gone: gone !== null && gone !== undefined, failed: failed ?? undefined };
  }

  /** Undefined: this SID was removed lately and is not stored, nor is there another. */
  async put(identity: TemplateIdentity, sid: string): Promise<string | undefined> {
    const redis = await this.#ready();
    const keys = this.#keys(identity);
    const kept = await redis.eval(STORE, 2, keys.sid, removedKey(keys, sid), sid, this.#keepMs);
    return typeof kept === 'string' ? kept : undefined;
  }

  /** Forgets it, if it still is this one. `went`: it was removed elsewhere. Either is remembered for a while. */
  async remove(identity: TemplateIdentity, sid: string, went = false): Promise<boolean> {
    const redis = await this.#ready();
    const keys = this.#keys(identity);
    const removed = removedKey(keys, sid);
    const was = await redis.eval(
      REMOVE,
      3,
      keys.sid,
      keys.gone,
      removed,
      sid,
      went ? '1' : '0',
      this.#goneMs,
    );
    return was === 1;
  }

  /** The right to create, for `ms`; undefined while another has it. */
  async acquire(identity: TemplateIdentity, ms: number): Promise<string | undefined> {
    const redis = await this.#ready();
    const { lock, fence } = this.#keys(identity);
    return ((await redis.eval(ACQUIRE, 2, lock, fence, ms)) as string | null) ?? undefined;
  }

  /** Stores what the holder of the token created, unless the lock has gone to another; returns the SID that counts. */
  async putFenced(identity: TemplateIdentity, sid: string, token: string): Promise<string> {
    const redis = await this.#ready();
    const keys = this.#keys(identity);
    const kept = await redis.eval(STORE_FENCED, 2, keys.lock, keys.sid, token, sid, this.#keepMs);
    return typeof kept === 'string' ? kept : sid;
  }

  async release(identity: TemplateIdentity, token: string): Promise<void> {
    const redis = await this.#ready();
    await redis.eval(DELETE_IF, 1, this.#keys(identity).lock, token);
  }

  /** Tells every process, for `ms`, that the creation failed. */
  async tellFailure(identity: TemplateIdentity, text: string, ms: number): Promise<void> {
    const redis = await this.#ready();
    await redis.set(this.#keys(identity).failed, text, 'PX', ms);
  }

  close(): void {
    this.#redis.disconnect();
  }

  #keys(identity: TemplateIdentity) {
    return redisKeys(this.#prefix, identity);
  }

  async #ready(): Promise<Redis> {
    if (this.#redis.status === 'wait') this.#connecting ??= this.#redis.connect();
    // Only the first connection is waited for; later ones come back by themselves meanwhile.
    if (this.#connecting) await this.#connecting.finally(() => (this.#connecting = undefined));
    if (this.#redis.status !== 'ready') throw new Error(`Redis is away (${this.#redis.status})`);
    return this.#redis;
  }
}
