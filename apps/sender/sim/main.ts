import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { THEMES } from './plan.js';
import { plants } from './plants.js';
import { simulate } from './simulation.js';
import type { Report, Share } from './worker.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '5000' },
    trace: { type: 'boolean', default: false },
    plant: { type: 'string' },
    theme: { type: 'string' },
    /** No run begins after this. */
    seconds: { type: 'string', default: 'Infinity' },
    workers: { type: 'string', default: String(Math.min(8, availableParallelism())) },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** So many failures are shown; then it stops. */
const MOST_SHOWN = 5;
const PROGRESS_MS = 10_000;

const seed = Number(values.seed);
const runs = Number(values.runs);
const plant = plants.find(({ name }) => name === values.plant);
if (values.plant !== undefined && !plant) {
  say(`no such bug; there are: ${plants.map(({ name }) => `"${name}"`).join(', ')}`);
  process.exit(2);
}
const theme = THEMES.find((one) => one === (values.theme ?? plant?.theme));
if (values.theme !== undefined && !theme) {
  say(`no such theme; there are: ${THEMES.join(', ')}`);
  process.exit(2);
}
const { done, failed } = values.trace || runs === 1 ? await showOne() : await runMany();
say(`${done - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 || done === 0 ? 1 : 0;

interface Tally {
  readonly done: number;
  readonly failed: number;
}

async function showOne(): Promise<Tally> {
  const result = await simulate({ seed, trace: true, theme, ...(plant ? { plant } : {}) });
  if (values.trace) for (const line of result.story) say(line);
  say(
    `seed ${seed}: ${result.messages} messages, ${result.requests} requests, ${Math.round(result.virtualMs / 1_000)} s, ${result.steps} steps, digest ${result.digest}`,
  );
  for (const violation of result.violations) say(`  BROKEN  ${violation}`);
  return { done: 1, failed: result.violations.length > 0 ? 1 : 0 };
}

async function runMany(): Promise<Tally> {
  const startedAt = performance.now();
  const workers = Math.max(1, Math.min(runs, Number(values.workers)));
  let broken = 0;
  let done = 0;
  let messages = 0;
  let requests = 0;
  const all = Array.from({ length: workers }, () =>
    // A run leaves much young garbage and keeps nothing: larger steps, on the core that it has.
    fork(fileURLToPath(new URL('./worker.js', import.meta.url)), {
      execArgv: ['--max-semi-space-size=32', '--single-threaded-gc', '--enable-source-maps'],
    }),
  );
  const ends = all.map((worker, n) => {
    const share: Share = {
      from: seed + n,
      until: seed + runs,
      of: workers,
      plant: values.plant,
      theme,
      seconds: Number(values.seconds),
    };
    worker.send(share);
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', (code, signal) => {
        if (code === 0 || signal === 'SIGTERM') resolve();
        else reject(new Error(`a worker ended with ${code ?? signal}`));
      });
      worker.on('message', (message) => {
        const result = message as Report;
        done += 1;
        messages += result.messages;
        requests += result.requests;
        if (result.violations.length === 0) return;
        broken += 1;
        if (broken <= MOST_SHOWN) show(result);
        if (broken === MOST_SHOWN) for (const one of all) one.kill('SIGTERM');
      });
    });
  });
  const progress = setInterval(() => say(`sim: ${done} of ${runs} runs, ${broken} failed`), PROGRESS_MS);
  await Promise.all(ends).finally(() => clearInterval(progress));
  const seconds = (performance.now() - startedAt) / 1_000;
  say(
    `sim: ${done} of ${runs} runs from seed ${seed}, ${messages} messages, ${requests} requests at the provider, in ${seconds.toFixed(1)} s`,
  );
  return { done, failed: broken };
}

function show(result: Report): void {
  say(`seed ${result.seed} BROKEN:`);
  for (const violation of result.violations.slice(0, 5)) say(`    ${violation}`);
  say(`    again: npm run sim -- --seed ${result.seed}${theme ? ` --theme ${theme}` : ''} --runs 1 --trace`);
}
