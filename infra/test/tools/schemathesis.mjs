import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from '../child.mjs';
import { answers, verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const VERSION = '4.32.5';
const INSTALL_MS = 180_000;
const LIMIT_MS = 480_000;

/** Fuzzes the API by its own OpenAPI document, on real engines.
 * @param {Context} context @returns {Promise<CheckResult>} */
export async function checkApi(context) {
  const program = await findSchemathesis(context);
  if (program === undefined)
    return { state: 'skipped', reason: 'no schemathesis, and python3 could not install one from PyPI' };
  const tsx = join(context.root, 'node_modules/.bin/tsx');
  const args = ['infra/pipeline/fuzz/run.ts', '--schemathesis', program];
  return verdictOf(context, tsx, args, { limitMs: LIMIT_MS });
}

/** The one that is there, or one in an environment of its own under .local/cache.
 * @param {Context} context @returns {Promise<string | undefined>} */
async function findSchemathesis(context) {
  if (await answers(context, 'schemathesis', ['--version'])) return 'schemathesis';
  const home = join(context.root, '.local', 'cache', 'tools', `schemathesis-${VERSION}`);
  const program = join(home, 'bin', 'schemathesis');
  if (existsSync(program) && (await answers(context, program, ['--version']))) return program;
  context.tell('installing schemathesis');
  const options = { cwd: context.root, env: context.env, limitMs: INSTALL_MS };
  const made = await runToEnd('python3', ['-m', 'venv', home], options);
  if (made.code !== 0) return undefined;
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `schemathesis==${VERSION}`];
  const installed = await runToEnd(join(home, 'bin', 'python'), pip, options);
  return installed.code === 0 ? program : undefined;
}
