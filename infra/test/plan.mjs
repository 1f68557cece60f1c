/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} command
 * @property {readonly string[]} args
 * @property {number} limitMs
 * @property {boolean} [needsBuild] it reads what the build makes
 * @property {'vitest'} [reports] its tests are counted one by one, from a report
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

/** Runs of the simulation, always the same ones. @type {Step} */
const simulation = {
  name: 'simulation',
  command: 'tsx',
  args: ['apps/sender/sim/main.ts', '--seed', '1', '--runs', '5000'],
  limitMs: 15 * MINUTE_MS,
  needsBuild: true,
};

/** @param {readonly string[]} filters @param {string} reportPath @returns {Step} */
function vitest(filters, reportPath) {
  return {
    name: 'vitest',
    command: 'vitest',
    args: ['run', ...filters, '--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`],
    limitMs: 25 * MINUTE_MS,
    needsBuild: true,
    reports: 'vitest',
  };
}

/** The steps of `npm test`, or of one part of it. @param {string} reportPath @param {readonly string[]} [only] */
export function planOf(reportPath, only) {
  return only === undefined
    ? [build, ...checks, simulation, vitest([], reportPath)]
    : [build, vitest(only, reportPath)];
}
