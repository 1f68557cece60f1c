/** `npm test` and its relatives: every step with its time, and one closing line that counts them all. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runToEnd, signalChildren } from './child.mjs';
import { parseMode, usage, UsageError } from './command-line.mjs';
import { planOf } from './plan.mjs';
import { addUp, closingLine, NOTHING, tallyOfVitest } from './tally.mjs';
import { toolChecks } from './tools/tool-checks.mjs';

/** @typedef {import('./tally.mjs').Tally} Tally */

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const reports = join(root, 'test-results');
const env = {
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), process.env['PATH']].join(delimiter),
};
const startedAt = performance.now();
let interrupted = false;

/** @param {number} since */
const seconds = (since) => `${((performance.now() - since) / 1_000).toFixed(1)} s`;

/** @param {string} mark @param {string} name @param {number} since @param {string} [more] */
function tell(mark, name, since, more) {
  console.log(
    `${mark} ${name} (${seconds(since)}, ${seconds(startedAt)} in all)${more === undefined ? '' : `: ${more}`}`,
  );
}

/** @param {import('./plan.mjs').Step} step @returns {Promise<Tally>} */
async function runStep(step) {
  const since = performance.now();
  console.log(`… ${step.name}`);
  const { report } = step;
  const shown = report !== undefined && !step.beside;
  if (report !== undefined) rmSync(report, { force: true });
  const ended = await runToEnd(step.command, step.args, {
    cwd: root,
    env,
    limitMs: step.limitMs,
    shown,
    yields: step.beside ?? false,
    onHeartbeat: () => {
      if (!shown) tell('…', step.name, since);
    },
  });
  const tally = report
    ? tallyOfVitest(readReport(report), ended.code)
    : { ...NOTHING, ...(ended.code === 0 ? { passed: 1 } : { failed: 1 }) };
  if (tally.failed > 0 && !shown) console.log(ended.output.trimEnd());
  tell(
    tally.failed > 0 ? '✗' : '✓',
    step.name,
    since,
    ended.trouble ?? (report ? closingLine(tally) : undefined),
  );
  return tally;
}

/** @param {string} path */
function readReport(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/**
 * The build, and then two rows of steps side by side. Steps that need a build are not run without one: they would speak of
 * another state of the sources.
 * @param {readonly import('./plan.mjs').Step[]} steps
 */
async function runPlan(steps) {
  const [build, ...rest] = steps;
  if (!build) return NOTHING;
  const first = await runStep(build);
  const built = first.failed === 0;
  const row = async (/** @type {readonly import('./plan.mjs').Step[]} */ inOrder) => {
    const tallies = [];
    for (const step of inOrder) {
      if (interrupted) break;
      if (built || !step.needsBuild) {
        tallies.push(await runStep(step));
        continue;
      }
      console.log(`- ${step.name}: not run, as the build failed`);
      tallies.push({ ...NOTHING, skipped: 1 });
    }
    return addUp(tallies);
  };
  const rows = [rest.filter(({ beside }) => !beside), rest.filter(({ beside }) => beside)];
  return addUp([first, ...(await Promise.all(rows.map(row)))]);
}

/** Each check that needs a tool beyond Node, Java and Maven: passed, failed, or skipped by name. Under CI a missing tool fails. */
async function runToolChecks() {
  const inCi = process.env['CI'] === 'true';
  const tallies = [];
  const contextOf = (/** @type {string} */ name) => {
    const since = performance.now();
    return {
      root,
      env,
      tell: (/** @type {string} */ detail) => console.log(`… ${name} (${seconds(since)}): ${detail}`),
    };
  };
  const begun = toolChecks.map(
    ({ name, begin }) =>
      begin?.(contextOf(name)) ?? Promise.resolve(/** @type {const} */ ({ state: 'passed' })),
  );
  for (const [n, { name, run }] of toolChecks.entries()) {
    if (interrupted) break;
    const since = performance.now();
    console.log(`… ${name}`);
    const result = await run(contextOf(name), begun[n] ?? Promise.resolve({ state: 'passed' }));
    const state = result.state === 'skipped' && inCi && !result.excused ? 'failed' : result.state;
    const mark = { passed: '✓', failed: '✗', skipped: '-' }[state];
    tell(mark, name, since, result.reason);
    tallies.push({ ...NOTHING, [state]: 1 });
  }
  return addUp(tallies);
}

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => {
    interrupted = true;
    signalChildren(signal);
  });

try {
  const mode = parseMode(process.argv.slice(2));
  mkdirSync(reports, { recursive: true });
  const tally =
    mode.kind === 'full'
      ? await runToolChecks()
      : await runPlan(planOf(reports, mode.kind === 'only' ? mode.filters : undefined));
  const whole = interrupted ? { ...tally, failed: tally.failed + 1 } : tally;
  if (interrupted) console.log('✗ interrupted: the rest was not run');
  process.exitCode = whole.failed > 0 ? 1 : 0;
  console.log(closingLine(whole));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n${usage}`);
  process.exitCode = 2;
}
