import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/**
 * Everything that `npm start` writes, but for logs. A test gives another root.
 * @param {string} [base]
 */
export function statePaths(base = root) {
  const state = join(base, '.local');
  return {
    state,
    cache: join(state, 'cache'),
    engines: join(state, 'engines'),
    services: join(state, 'services'),
    run: join(state, 'run.json'),
    stack: join(state, 'stack.json'),
    secrets: join(state, 'secrets.json'),
    tenants: join(state, 'demo-tenants.json'),
    accounts: join(state, 'simulator-accounts.json'),
    buildStamp: join(state, 'build.stamp'),
    appLog: join(base, 'logs', 'app.log'),
  };
}
/** @typedef {ReturnType<typeof statePaths>} StatePaths */
