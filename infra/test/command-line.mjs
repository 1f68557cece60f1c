import { parseArgs } from 'node:util';

export const usage = `node infra/test/run.mjs [--full | --only queue|queue-load|cache]
  (nothing)   build, types, lint, format, boundaries, knip, and every test
  --full      what needs more than Node, Java and Maven
  --only WHAT the build, and the tests of one part`;

/** @typedef {{ kind: 'all' } | { kind: 'full' } | { kind: 'only', filters: readonly string[] }} Mode */

/**
 * What vitest finds the files of a part by: parts of their paths. Tests of the whole pipeline carry the part's name.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const PARTS = {
  queue: ['.queue.itest.ts'],
  'queue-load': ['.queue-load.itest.ts'],
  cache: ['packages/template-cache/', 'packages/cache-windows/', 'apps/cache-metrics/', '.cache.itest.ts'],
};

/** The command line can't be understood; the message says why. */
export class UsageError extends Error {
  /** @override */
  name = 'UsageError';
}

/**
 * @param {string[]} argv without node and script
 * @returns {Mode}
 * @throws {UsageError}
 */
export function parseMode(argv) {
  const { full, only } = parse(argv);
  if (full && only !== undefined) throw new UsageError('--full and --only exclude each other');
  if (full) return { kind: 'full' };
  if (only === undefined) return { kind: 'all' };
  const filters = Object.hasOwn(PARTS, only) ? PARTS[only] : undefined;
  if (filters === undefined)
    throw new UsageError(`--only knows ${Object.keys(PARTS).join(', ')}, not "${only}"`);
  return { kind: 'only', filters };
}

/** @param {string[]} argv */
function parse(argv) {
  try {
    return parseArgs({
      args: argv,
      options: { full: { type: 'boolean', default: false }, only: { type: 'string' } },
    }).values;
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
