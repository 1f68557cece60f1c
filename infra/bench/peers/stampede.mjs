// One process of a stampede on the template cache: so many callers for one template at one moment.
// node infra/bench/peers/stampede.mjs <callers> <start, ms since 1970> <prefix> <creation, ms>
import { TemplateCache } from '@mersal/template-cache';

const [callers, startAt, prefix, creationMs] = process.argv.slice(2);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const cache = new TemplateCache({ redisPrefix: prefix });
await cache.getCachedContentSid(`warm-${process.pid}`, () => 'HXwarm');
let created = 0;
const creator = async () => {
  created += 1;
  await sleep(Number(creationMs));
  return `HX${process.pid}`;
};
await sleep(Number(startAt) - Date.now());
const sids = await Promise.all(
  Array.from({ length: Number(callers) }, () => cache.getCachedContentSid(prefix, creator)),
);
const tookMs = Date.now() - Number(startAt);
process.stdout.write(`${JSON.stringify({ created, tookMs, sids: [...new Set(sids)] })}\n`);
await cache.close();
