import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { runToEnd } from '../child.mjs';
import { answers, verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const VERSION = 'v2.40.3';
const PACKAGE = 'github.com/docker/compose/v2/cmd';
/** Mandatory variables of the file; nothing is started with them. */
const GIVEN = { MERSAL_CREDENTIALS_KEY: 'for-parsing-only', MERSAL_ID_KEYS: 'for-parsing-only' };

/** Parses and resolves docker-compose.yml with every profile; no engine is needed for that.
 * @param {Context} context @returns {Promise<CheckResult>} */
export async function checkCompose(context) {
  const compose = await findCompose(context);
  if (compose === undefined)
    return { state: 'skipped', reason: 'no docker compose, and none could be built with go' };
  const args = [...compose.before, '--profile', 'core', '--profile', 'full', 'config', '--quiet'];
  return verdictOf(context, compose.command, args, { env: { ...context.env, ...GIVEN } });
}

/** Docker's plugin, the stand-alone program, or one built from its Go module under .local/cache.
 * @param {Context} context @returns {Promise<{ command: string, before: string[] } | undefined>} */
async function findCompose(context) {
  if (await answers(context, 'docker', ['compose', 'version']))
    return { command: 'docker', before: ['compose'] };
  if (await answers(context, 'docker-compose', ['version'])) return { command: 'docker-compose', before: [] };
  const home = join(context.root, '.local', 'cache', 'tools', `compose-${VERSION}`);
  const command = join(home, 'docker-compose');
  if (existsSync(command)) return { command, before: [] };
  if (!(await answers(context, 'go', ['version']))) return undefined;
  mkdirSync(home, { recursive: true });
  const env = { ...context.env, GOFLAGS: '-buildvcs=false -mod=mod' };
  const build = ['build', '-trimpath', '-ldflags=-s -w', '-o', 'docker-compose.new', PACKAGE];
  if (!existsSync(join(home, 'go.mod'))) {
    const made = await runToEnd('go', ['mod', 'init', 'mersal.invalid/compose'], {
      cwd: home,
      env,
      limitMs: 30_000,
    });
    if (made.code !== 0) return undefined;
  }
  for (const args of [['get', `${PACKAGE}@${VERSION}`], build]) {
    const ended = await runToEnd('go', args, {
      cwd: home,
      env,
      limitMs: 900_000,
      onHeartbeat: () => context.tell(`go ${args[0]}, some minutes the first time`),
    });
    if (ended.code !== 0) {
      context.tell(ended.trouble ?? ended.output.trim().split('\n').at(-1) ?? '');
      return undefined;
    }
  }
  renameSync(join(home, 'docker-compose.new'), command);
  return { command, before: [] };
}
