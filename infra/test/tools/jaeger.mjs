import { join } from 'node:path';
import { buildJaeger, findJaeger } from '@mersal/local';
import { runToEnd } from '../child.mjs';
import { answers, verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

/**
 * Of a build beside the other checks: about as long as those take. What a processor did not get done by then stays in Go's cache
 * for the next time.
 */
const BUILD_MS = 600_000;
const LIMIT_MS = 300_000;
const MISSING = 'no jaeger in PATH, and no go that could build one: the traces are not read back from it';

/**
 * Builds a Jaeger where there is none, while other checks run: it takes minutes of whatever processor they leave.
 * @param {Context} context @returns {Promise<CheckResult>}
 */
export async function beginJaeger(context) {
  const cache = join(context.root, '.local', 'cache');
  if (findJaeger(cache, context.env) !== undefined) return { state: 'passed' };
  if (!(await answers(context, 'go', ['version'])))
    return { state: 'skipped', excused: true, reason: MISSING };
  const { root: cwd, env } = context;
  try {
    await buildJaeger(cache, async (command, args) => {
      const ended = await runToEnd(command, args, { cwd, env, limitMs: BUILD_MS, yields: true });
      if (ended.code !== 0) throw new Error(ended.trouble ?? ended.output.trim().split('\n').at(-1) ?? '');
      return ended.output;
    });
    return { state: 'passed' };
  } catch (error) {
    // What can't be had here is no fault of what is checked, whoever runs it.
    const why = /** @type {Error} */ (error).message;
    return { state: 'skipped', excused: true, reason: `go did not build it: ${why}` };
  }
}

/** Reads the traces of a running pipeline back from a real Jaeger.
 * @param {Context} context @param {Promise<CheckResult>} begun @returns {Promise<CheckResult>} */
export async function checkTraces(context, begun) {
  context.tell('waiting for Jaeger, where it is not built yet');
  const built = await begun;
  if (built.state !== 'passed') return built;
  const vitest = join(context.root, 'node_modules/.bin/vitest');
  return verdictOf(context, vitest, ['run', '--project', 'traces'], { limitMs: LIMIT_MS });
}
