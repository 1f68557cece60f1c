import { join } from 'node:path';

/**
 * @typedef {object} Plan one service of the stack
 * @property {string} name
 * @property {string} app folder under apps
 * @property {Record<string, string>} env
 */

/**
 * The services in the order of their start: whoever is called before its callers.
 * @param {{ senders: number, simulator: { port: number, accounts: string } | undefined, ingressPort: number }} options
 * @returns {Plan[]}
 */
export function servicePlans({ senders, simulator, ingressPort }) {
  return [
    ...(simulator === undefined
      ? []
      : [
          {
            name: 'twilio-simulator',
            app: 'twilio-simulator',
            env: { PORT: String(simulator.port), SIMULATOR_ACCOUNTS: simulator.accounts },
          },
        ]),
    { name: 'ingress-1', app: 'ingress', env: { PORT: String(ingressPort) } },
    ...Array.from({ length: senders }, (_, index) => ({
      name: `sender-${index + 1}`,
      app: 'sender',
      env: {},
    })),
    { name: 'cache-metrics-1', app: 'cache-metrics', env: {} },
  ];
}

/**
 * What every service reads. The caller's environment goes first where it may decide, last where the stack must.
 * @param {object} stack
 * @param {NodeJS.ProcessEnv} stack.env
 * @param {string[]} stack.kafka
 * @param {string} stack.redis
 * @param {string} stack.database
 * @param {string} stack.twilio
 * @param {string} stack.publicUrl
 * @param {{ credentialsKey: string, idKeys: string }} stack.secrets
 * @param {string} stack.adminTokenHash
 * @returns {Record<string, string>}
 */
export function commonEnvironment({
  env,
  kafka,
  redis,
  database,
  twilio,
  publicUrl,
  secrets,
  adminTokenHash,
}) {
  const given = /** @type {Record<string, string>} */ (
    Object.fromEntries(
      Object.entries(env).filter(([name, value]) => value !== undefined && !name.startsWith('npm_')),
    )
  );
  return {
    TOPIC_PARTITIONS: '12',
    TOPIC_REPLICATION: '1',
    METRICS_AUTH: 'none',
    LOG_LEVEL: 'info',
    CREDENTIALS_KEY: secrets.credentialsKey,
    ID_KEYS: secrets.idKeys,
    PUBLIC_URL: publicUrl,
    OTEL_NODE_RESOURCE_DETECTORS: 'env,host',
    ...given,
    KAFKA_BROKERS: kafka.join(','),
    REDIS_URL: redis,
    DATABASE_URL: database,
    TWILIO_API_BASE_URL: twilio,
    ADMIN_TOKEN_HASH: adminTokenHash,
  };
}

/**
 * How an app is run: telemetry is loaded before its first line.
 * @param {string} root
 * @param {string} app
 */
export function appCommand(root, app) {
  const cwd = join(root, 'apps', app);
  return {
    command: process.execPath,
    args: ['--import', '@mersal/telemetry/register', join(cwd, 'dist', 'main.js')],
    cwd,
  };
}

/** Files that a build must have made. */
export const products = ['twilio-simulator', 'ingress', 'sender', 'cache-metrics'].map(
  (app) => `apps/${app}/dist/main.js`,
);
