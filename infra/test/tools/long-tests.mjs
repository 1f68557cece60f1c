import { join } from 'node:path';
import { verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const LIMIT_MS = 1_200_000;

/** Tests that take too long for `npm test`; those of traces have a check of their own, as they need a Jaeger.
 * @param {Context} context @returns {Promise<CheckResult>} */
export async function runLongTests(context) {
  const vitest = join(context.root, 'node_modules/.bin/vitest');
  const args = ['run', '--project', 'full'];
  return verdictOf(context, vitest, args, { limitMs: LIMIT_MS });
}
