// A hit of bentocache's memory layer with the hash of our key computed, in a process of its own.
// node infra/bench/peers/bentocache/hit.mjs <rounds>; its packages are its own: `npm ci` in this directory.
import { hashData } from '@mersal/template-cache';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';

const ROUNDS = Number(process.argv[2] ?? 5);
const CALLS = 9_000;
const data = { title: 'menu', items: [1, 2, 3] };
const bento = new BentoCache({
  default: 'templates',
  stores: { templates: bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 })) },
});
const get = () =>
  bento.getOrSet({
    key: hashData({ account: 'r1', key: 'menu', data }),
    ttl: '1h',
    factory: () => 'HX123',
  });
await get();
const hit = [];
for (let round = 0; round <= ROUNDS; round += 1) {
  const from = performance.now();
  for (let n = 0; n < CALLS; n += 1) if ((await get()) !== 'HX123') throw new Error('no hit');
  if (round > 0) hit.push(((performance.now() - from) * 1_000) / CALLS);
}
process.stdout.write(`${JSON.stringify({ hit })}\n`);
process.exit(0);
