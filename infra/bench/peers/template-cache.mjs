// The template cache in one process: what recording costs, and a hit beside a bare lru-cache with the same hash computed.
// node infra/bench/peers/template-cache.mjs <rounds>
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hashData, TemplateCache } from '@mersal/template-cache';

// A dependency of the package that is measured.
const require = createRequire(new URL('../../../packages/template-cache/package.json', import.meta.url));
const { LRUCache } = require('lru-cache');

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const ROUNDS = Number(process.argv[2] ?? 5);
// Fewer than may wait with their detail, as while Kafka answers.
const CALLS = 9_000;
const EVENTS = 10_000;
const KEYS = 50;
// Nobody is there: events wait, and nothing is published within a round, as no round yields to timers.
const env = { KAFKA_BROKERS: '127.0.0.1:9', LOG_LEVEL: 'silent' };
const bytes = () => {
  for (let n = 0; n < 5; n += 1) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
const hashesOfKeys = Array.from({ length: KEYS }, (_, n) => hashData({ key: n }));

function record(cache, n, hashes) {
  const key = `template_${n % KEYS}`;
  if (n % 10 === 0) cache.recordCacheMiss(key, hashes[n % KEYS]);
  else cache.recordCacheHit(key, hashes[n % KEYS], `HX${n % KEYS}`, { source: 'memory' });
}

/** A hash of its own for each, as where something that changes is in a template's data: more kinds than are kept with their detail. */
const hashOfEach = () => Array.from({ length: EVENTS }, (_, n) => hashData({ key: 'churned', n }));

function recordChurn(cache, n, hashes) {
  cache.recordCacheMiss(`template_${n % KEYS}`, hashes[n], undefined, { reason: 'not_cached' });
}

/** Caches at once: what the heap gains or loses besides is shared among them. */
const TOGETHER = 10;
/** None is let go before the end: what a round frees would count for the next one. */
const kept = [];

/** What a record takes in µs, and what its cache holds afterwards in KB: a value for each round, after one that does not count. */
function measure(one, makeHashes) {
  const recording = [];
  const memory = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const { us, kilobytes } = measureOnce(one, makeHashes);
    if (round > 0) {
      recording.push(us);
      memory.push(kilobytes);
    }
  }
  return { recording, memory };
}

function measureOnce(one, makeHashes) {
  const caches = Array.from({ length: TOGETHER }, () => new TemplateCache({ env }));
  kept.push(caches);
  const before = bytes();
  let ms = 0;
  for (const cache of caches) {
    // Not timed; and of the hashes that are made here only those stay that the cache keeps.
    const hashes = makeHashes();
    const from = performance.now();
    for (let n = 0; n < EVENTS; n += 1) one(cache, n, hashes);
    ms += performance.now() - from;
  }
  const us = (ms * 1_000) / (EVENTS * TOGETHER);
  const kilobytes = (bytes() - before) / 1_024 / TOGETHER;
  if (caches.some((cache) => cache.getCacheMetrics().totalRequests !== EVENTS))
    throw new Error('events were not counted');
  return { us, kilobytes };
}

const { recording, memory } = measure(record, () => hashesOfKeys);
const churn = measure(recordChurn, hashOfEach);

const options = { restaurantId: 'r1', data: { title: 'menu', items: [1, 2, 3] } };
const lru = new LRUCache({ max: 10_000 });
const identity = () => hashData({ account: 'r1', key: 'menu', data: options.data });
lru.set(identity(), 'HX123');
const bare = [];
const hit = [];
for (let round = 0; round <= ROUNDS; round += 1) {
  const cache = new TemplateCache({ env });
  await cache.getCachedContentSid('menu', () => 'HX123', options);
  let from = performance.now();
  for (let n = 0; n < CALLS; n += 1) if (lru.get(identity()) !== 'HX123') throw new Error('no hit');
  const bareUs = ((performance.now() - from) * 1_000) / CALLS;
  from = performance.now();
  for (let n = 0; n < CALLS; n += 1)
    if ((await cache.getCachedContentSid('menu', () => 'HXnew', options)) !== 'HX123')
      throw new Error('no hit');
  const hitUs = ((performance.now() - from) * 1_000) / CALLS;
  if (round > 0) {
    bare.push(bareUs);
    hit.push(hitUs);
  }
}
process.stdout.write(`${JSON.stringify({ recording, memory, churn, bare, hit })}\n`);
process.exit(0);
