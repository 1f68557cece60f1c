/**
 * One process of a stampede: so many callers for one template at one moment, which is when all processes are there. Prints what it created,
 * what the callers got, and how many of them had found nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TemplateCache } from '@mersal/template-cache';
import { Redis } from 'ioredis';

const prefix = process.env['STAMPEDE_PREFIX'] ?? 'stampede';
const cache = new TemplateCache({ redisPrefix: prefix });
let created = 0;
const creator = async () => {
  created += 1;
  // The others have begun as well, and need some time to find nothing.
  await sleep(1_500);
  return `HX${process.pid}`;
};
const redis = new Redis(process.env['REDIS_URL'] ?? '');
await redis.incr(`${prefix}:there`);
while (Number(await redis.get(`${prefix}:there`)) < Number(process.env['STAMPEDE_PROCESSES'])) await sleep(5);
redis.disconnect();
const callers = Array.from({ length: Number(process.argv[2]) }, () =>
  cache.getCachedContentSid('menu', creator),
);
const sids = await Promise.all(callers);
process.stdout.write(JSON.stringify({ created, sids, misses: cache.getCacheMetrics().misses }));
await cache.close();
