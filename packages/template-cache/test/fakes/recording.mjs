/** Records steadily until it is killed, and says of each event which one it was, once it is recorded. */
import { writeSync } from 'node:fs';
import { TemplateCache } from '@mersal/template-cache';

const cache = new TemplateCache();
const key = process.env['RECORDING_KEY'] ?? 'recording';
cache.recordCacheHit(key, 'first');
// Connected: how long that takes belongs to no bound.
await cache.flush();
let n = 0;
setInterval(() => {
  n += 1;
  cache.recordCacheHit(key, `h${n}`);
  // At once, and not when the pipe has time: what is said was recorded before the end.
  writeSync(1, `${n} ${Date.now()}\n`);
}, 5);
