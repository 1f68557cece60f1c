import { join } from 'node:path';
import { verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const LIMIT_MS = 600_000;

/** Tests that take too long for `npm test`.
 * @param {Context} context @returns {Promise<CheckResult>} */
export async function runLongTests(context) {
  const vitest = join(context.root, 'node_modules/.bin/vitest');
  const args = ['run', '--project', 'full'];
  return verdictOf(context, vitest, args, { limitMs: LIMIT_MS });
}
