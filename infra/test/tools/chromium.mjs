import { join } from 'node:path';
import { answers, verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const LIMIT_MS = 300_000;

/** Uses the console in a real browser, on real engines.
 * @param {Context} context @returns {Promise<CheckResult>} */
export async function checkConsole(context) {
  const browser = await findBrowser(context);
  if (browser === undefined)
    return { state: 'skipped', reason: 'no Chromium: on Debian apt-get install chromium' };
  const args = ['infra/pipeline/console/run.ts', '--browser', browser];
  const tsx = join(context.root, 'node_modules/.bin/tsx');
  return verdictOf(context, tsx, args, { limitMs: LIMIT_MS });
}

/** @param {Context} context @returns {Promise<string | undefined>} */
async function findBrowser(context) {
  for (const path of BROWSERS) if (await answers(context, path, ['--version'])) return path;
  return undefined;
}
