/** One process of a stampede: so many callers for one template at one moment. Prints what it created and what the callers got. */
import { TemplateCache } from '@mersal/template-cache';

const cache = new TemplateCache({ redisPrefix: process.env['STAMPEDE_PREFIX'] ?? 'stampede' });
let created = 0;
const creator = async () => {
  created += 1;
  await new Promise((resolve) => setTimeout(resolve, 300));
  return `HX${process.pid}`;
};
await new Promise((resolve) => setTimeout(resolve, Number(process.env['STAMPEDE_AT']) - Date.now()));
const callers = Array.from({ length: Number(process.argv[2]) }, () =>
  cache.getCachedContentSid('menu', creator),
);
const sids = await Promise.all(callers);
process.stdout.write(JSON.stringify({ created, sids }));
await cache.close();
