import { runToEnd } from '../child.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

/** True when the command can be started and ends well. @param {Context} context @param {string} command @param {readonly string[]} args */
export async function answers(context, command, args) {
  const { code } = await runToEnd(command, args, { cwd: context.root, env: context.env, limitMs: 30_000 });
  return code === 0;
}

/**
 * Runs a check's command: its exit code decides, its output is the reason.
 * @param {Context} context @param {string} command @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, limitMs?: number }} [options]
 * @returns {Promise<CheckResult>}
 */
export async function verdictOf(context, command, args, { env = context.env, limitMs = 120_000 } = {}) {
  const ended = await runToEnd(command, args, { cwd: context.root, env, limitMs });
  if (ended.code === 0) return { state: 'passed' };
  return { state: 'failed', reason: `${ended.trouble ?? `exit code ${ended.code}`}\n${ended.output.trim()}` };
}
