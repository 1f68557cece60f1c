import { join } from 'node:path';

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} command
 * @property {readonly string[]} args
 * @property {number} limitMs
 * @property {boolean} [needsBuild] it reads what the build makes
 * @property {string} [report] its tests are counted one by one, from this file of vitest's
 * @property {boolean} [beside] it runs beside the others, with what they leave of the processor
 */

const MINUTE_MS = 60_000;

/** @type {Step} */
const build = {
  name: 'build',
  command: 'turbo',
  args: ['run', 'build', '--output-logs=errors-only'],
  limitMs: 10 * MINUTE_MS,
};

/** @type {readonly Step[]} */
const checks = [
  {
    name: 'types of the tests',
    command: 'tsc',
    args: ['-p', 'tsconfig.tests.json'],
    limitMs: 5 * MINUTE_MS,
    needsBuild: true,
  },
  { name: 'lint', command: 'oxlint', args: ['--type-aware'], limitMs: 5 * MINUTE_MS, needsBuild: true },
  { name: 'format', command: 'biome', args: ['format', '.'], limitMs: MINUTE_MS },
  { name: 'boundaries', command: 'turbo', args: ['boundaries'], limitMs: 2 * MINUTE_MS },
  { name: 'knip', command: 'knip', args: [], limitMs: 2 * MINUTE_MS, needsBuild: true },
];

/** Runs of the simulation, always the same ones; fewer of them where the machine is slow. @type {readonly Step[]} */
const simulation = [
  {
    name: 'build of the simulation',
    command: 'tsc',
    args: ['-p', 'apps/sender/sim'],
    limitMs: 2 * MINUTE_MS,
    needsBuild: true,
  },
  {
    name: 'simulation',
    command: 'node',
    args: ['apps/sender/sim/dist/sim/main.js', '--seed', '1', '--runs', '5000', '--seconds', '240'],
    limitMs: 6 * MINUTE_MS,
    needsBuild: true,
  },
];

/** @param {string} name @param {readonly string[]} args @param {string} report @returns {Step} */
function vitest(name, args, report) {
  return {
    name,
    command: 'vitest',
    args: ['run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    limitMs: 25 * MINUTE_MS,
    needsBuild: true,
    report,
  };
}

/**
 * The steps of `npm test`, or of one part of it. Tests with real engines wait more than they work: all that only computes
 * runs beside them.
 * @param {string} reports a directory
 * @param {readonly string[]} [only]
 * @returns {readonly Step[]}
 */
export function planOf(reports, only) {
  if (only !== undefined) return [build, vitest('vitest', only, join(reports, 'vitest.json'))];
  const unit = vitest('unit tests', ['--project', 'unit'], join(reports, 'unit.json'));
  const integration = vitest(
    'integration tests',
    ['--project', 'integration', '--project', 'alone'],
    join(reports, 'integration.json'),
  );
  const beside = [...checks, unit, ...simulation].map((step) => ({ ...step, beside: true }));
  return [build, integration, ...beside];
}
