import { createHash, randomBytes } from 'node:crypto';

import { readJson, writeJson } from './atomic-file.mjs';

/**
 * @typedef {{ accountSid: string, authToken: string, apiKey: string }} TenantSecrets
 * @typedef {{ credentialsKey: string, idKeys: string, adminToken: string, tenants: Record<string, TenantSecrets> }} Secrets
 */

/** `mk_<id>_<secret>`, letters and digits only. */
function apiKey() {
  const text = (/** @type {number} */ bytes) =>
    randomBytes(bytes).toString('base64url').replaceAll(/[-_]/g, 'x');
  return `mk_${text(12)}_${text(32)}`;
}

/**
 * What must be the same at the next start, or nothing could be decrypted: made once, then kept.
 * @param {string} path
 * @param {string[]} restaurantIds
 * @returns {Secrets}
 */
export function keptSecrets(path, restaurantIds) {
  /** @type {Secrets} */
  const secrets = readJson(path) ?? {
    credentialsKey: randomBytes(32).toString('base64'),
    idKeys: `1:${randomBytes(32).toString('base64')}`,
    adminToken: apiKey(),
    tenants: {},
  };
  for (const id of restaurantIds) {
    secrets.tenants[id] ??= {
      accountSid: `AC${randomBytes(16).toString('hex')}`,
      authToken: randomBytes(16).toString('hex'),
      apiKey: apiKey(),
    };
  }
  writeJson(path, secrets);
  return secrets;
}

/** @param {string} token */
export const tokenHash = (token) => createHash('sha256').update(token).digest('hex');
