/** `npm run smoke`: posts to what runs already, `docker compose up` unless told otherwise, and waits for `delivered`. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { deliver } from './deliver.mjs';

const [demo] = JSON.parse(readFileSync(new URL('demo-tenants.json', import.meta.url), 'utf8'));
const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    count: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '60' },
  },
});
const { url, count, seconds } = values;
// Not an option: a real one would stand in the list of processes.
const key = process.env['MERSAL_TOKEN'] ?? demo.apiKey;
const { delivered, slowestMs } = await deliver({
  url,
  key,
  count: Number(count),
  limitMs: Number(seconds) * 1_000,
});
console.log(`${delivered} delivered within ${slowestMs} ms`);
