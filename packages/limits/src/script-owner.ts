import type { Redis } from 'ioredis';

const owners = new WeakMap<Redis, string>();

/**
 * rate-limiter-flexible defines its script on the connection, under one name: the limiter built last would run its
 * script for all others. So a connection belongs to one limiter. Throws TypeError where it has another already.
 */
export function claimScript(redis: Redis, owner: string): void {
  const other = owners.get(redis);
  if (other !== undefined)
    throw new TypeError(`this connection runs the script of ${other}: ${owner} need their own`);
  owners.set(redis, owner);
}
