import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { writeJson } from './atomic-file.mjs';

/**
 * @typedef {object} DemoTenant
 * @property {string} restaurantId
 * @property {string} name
 * @property {string} accountSid
 * @property {string} authToken
 * @property {string[]} fromNumbers `whatsapp:+…`
 * @property {string} apiKey
 */

/**
 * Brings a stack with tables to where services can start: topics, the demo restaurants. By the operators' command line,
 * as anybody else would, and all of it may be repeated.
 * @param {object} options
 * @param {string} options.root
 * @param {Record<string, string>} options.env
 * @param {DemoTenant[]} options.tenants
 * @param {string} options.tenantsFile
 * @param {(detail: string) => void} options.tell
 */
export async function provision({ root, env, tenants, tenantsFile, tell }) {
  tell('topics');
  await mersal(root, env, ['topics', 'ensure']);
  tell('restaurants');
  writeJson(tenantsFile, tenants);
  await mersal(root, env, ['tenants', 'seed', '--file', tenantsFile, '--json']);
}

/** @param {string} root @param {Record<string, string>} env */
export async function migrate(root, env) {
  await mersal(root, env, ['migrate', 'deploy']);
}

/** @param {string} root @param {Record<string, string>} env @param {string[]} args */
async function mersal(root, env, args) {
  const child = spawn(process.execPath, [join(root, 'apps', 'cli', 'bin', 'mersal.mjs'), ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      said = (said + text).slice(-4_000);
    });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(exit ?? signal));
  });
  if (code !== 0) throw new Error(`mersal ${args.join(' ')} failed (${code}):\n${said.trim()}`);
}
