import { Redis } from 'ioredis';
import type { TemplateIdentity } from '../template-identity.js';
import { redisKeys } from './redis-keys.js';

const KEEP_MS = 24 * 3_600_000;

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
/** KEYS sid, gone; ARGV sid, whether it went elsewhere (1), how long to remember that in ms. Deletes the SID if it still is this one. */
const REMOVE = `
local went = ARGV[2] == '1'
if redis.call('get', KEYS[1]) == ARGV[1] then
  redis.call('del', KEYS[1])
  went = true
end
if went then redis.call('set', KEYS[2], '1', 'px', ARGV[3]) end
return 1`;
/** KEYS one key; ARGV value. Deletes it if it still has this value. */
const DELETE_IF = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

/** The fast tier and the locks between processes. Connects with the first call; fails at once while Redis is away. */
export class RedisTier {
  readonly #redis: Redis;
  readonly #prefix: string;
  #connecting: Promise<void> | undefined;

  constructor(url: string, prefix: string, onError: (error: unknown) => void) {
    this.#prefix = prefix;
    this.#redis = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      commandTimeout: 1_000,
      connectTimeout: 1_000,
      retryStrategy: (times) => Math.min(100 * times, 2_000),
    });
    this.#redis.on('error', onError);
  }

  /** The SID; `gone`: it was removed lately. */
  async get(
    identity: TemplateIdentity,
  ): Promise<{ readonly sid: string | undefined; readonly gone: boolean }> {
    const redis = await this.#ready();
    const keys = this.#keys(identity);
    const [sid, gone] = await redis.mget(keys.sid, keys.gone);
    return { sid: sid ?? undefined, gone: gone !== null && gone !== undefined };
  }

  async put(identity: TemplateIdentity, sid: string): Promise<void> {
    const redis = await this.#ready();
    await redis.set(this.#keys(identity).sid, sid, 'PX', KEEP_MS);
  }

  /** Forgets it, if it still is this one. `went`: it was removed elsewhere. Either is remembered for `goneMs`. */
  async remove(identity: TemplateIdentity, sid: string, went: boolean, goneMs: number): Promise<void> {
    const redis = await this.#ready();
    const keys = this.#keys(identity);
    await redis.eval(REMOVE, 2, keys.sid, keys.gone, sid, went ? '1' : '0', goneMs);
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
    const kept = await redis.eval(STORE_FENCED, 2, keys.lock, keys.sid, token, sid, KEEP_MS);
    return typeof kept === 'string' ? kept : sid;
  }

  async release(identity: TemplateIdentity, token: string): Promise<void> {
    const redis = await this.#ready();
    await redis.eval(DELETE_IF, 1, this.#keys(identity).lock, token);
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
