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

/*
 * What a stack needs before its services: tables and topics; and beside their start: the demo restaurants. All by the
 * operators' command line, as anybody else would, and all of it may be repeated.
 */

/** @param {string} root @param {Record<string, string>} env */
export async function ensureTopics(root, env) {
  await mersal(root, env, ['topics', 'ensure']);
}

/**
 * @param {object} options
 * @param {string} options.root
 * @param {Record<string, string>} options.env
 * @param {DemoTenant[]} options.tenants
 * @param {string} options.tenantsFile
 */
export async function seedTenants({ root, env, tenants, tenantsFile }) {
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
