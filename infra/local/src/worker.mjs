/**
 * `npm run worker:send`: one sender in the foreground. It reads the environment; what is missing there comes from the
 * running stack's files.
 */
import { spawn } from 'node:child_process';

import { readJson } from './atomic-file.mjs';
import { install, isBuilt, isInstalled, build } from './installation.mjs';
import { root, statePaths } from './paths.mjs';
import { Progress } from './progress.mjs';
import { tokenHash } from './secrets.mjs';
import { appCommand, commonEnvironment, products } from './service-definitions.mjs';

/** @param {NodeJS.ProcessEnv} env */
function environment(env) {
  const wanted = ['KAFKA_BROKERS', 'DATABASE_URL', 'CREDENTIALS_KEY', 'ID_KEYS'];
  if (wanted.every((name) => env[name])) return env;
  const paths = statePaths();
  const stack = readJson(paths.stack);
  const secrets = readJson(paths.secrets);
  if (stack === undefined || secrets === undefined) {
    const missing = wanted.filter((name) => !env[name]).join(', ');
    throw new Error(
      `${missing} not set, and no stack runs here to take them from. Start one: npm start -- --no-traffic`,
    );
  }
  const common = commonEnvironment({
    env,
    kafka: stack.kafka,
    redis: stack.redis,
    database: stack.database,
    twilio: stack.twilio,
    publicUrl: stack.ingress,
    secrets,
    adminTokenHash: tokenHash(secrets.adminToken),
  });
  // Here the caller's word goes before the stack's.
  return { INSTANCE: `sender-${process.pid}`, ...common, ...env };
}

try {
  const env = environment(process.env);
  const checkout = { root, stamp: statePaths().buildStamp, products };
  const progress = new Progress(process.stderr);
  if (!isInstalled(root)) await progress.step('npm ci', (tell) => install({ ...checkout, tell }));
  if (!isBuilt(checkout)) await progress.step('build', (tell) => build({ ...checkout, tell }));
  const { command, args, cwd } = appCommand(root, 'sender');
  const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
}
