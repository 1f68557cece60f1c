import { join } from 'node:path';
import { runToEnd } from '../child.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const LIMIT_MS = 600_000;

/** Tests that take too long for `npm test`.
 * @param {Context} context @returns {Promise<CheckResult>} */
export async function runLongTests(context) {
  const vitest = join(context.root, 'node_modules/.bin/vitest');
  const args = ['run', '--project', 'full'];
  const ended = await runToEnd(vitest, args, { cwd: context.root, env: context.env, limitMs: LIMIT_MS });
  if (ended.code === 0) return { state: 'passed' };
  return { state: 'failed', reason: `${ended.trouble ?? ''}\n${ended.output.slice(-12_000).trim()}` };
}
