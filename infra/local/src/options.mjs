import { parseArgs } from 'node:util';

/**
 * @typedef {object} Options
 * @property {boolean} once end when all demo traffic is final
 * @property {boolean} traffic send demo traffic
 * @property {number} tenants 1-1000
 * @property {number} senders 1-32
 * @property {boolean} fresh forget earlier state
 * @property {'local' | 'external'} engines
 * @property {boolean} traces
 * @property {boolean} help
 */

export const usage = `npm start -- [options]
  --once              exit 0 once all demo traffic is delivered, with a summary
  --no-traffic        no demo traffic
  --tenants N         demo restaurants (default 12)
  --senders N         sender processes (default 1)
  --fresh             forget earlier state
  --engines WHICH     local (default), or external: KAFKA_BROKERS, REDIS_URL and DATABASE_URL name them
  --traces            start or join a Jaeger, and print a trace's URL`;

/** The command line can't be understood; the message says why. */
export class UsageError extends Error {
  /** @override */
  name = 'UsageError';
}

/**
 * @param {string[]} argv without node and script
 * @param {NodeJS.ProcessEnv} env
 * @returns {Options}
 * @throws {UsageError}
 */
export function parseOptions(argv, env) {
  const values = parse(argv);
  if (values.once && values['no-traffic'])
    throw new UsageError('--once waits for demo traffic: it does not go with --no-traffic');
  const engines = values.engines ?? 'local';
  if (engines !== 'local' && engines !== 'external') throw new UsageError('--engines is local or external');
  if (engines === 'external') {
    const missing = ['KAFKA_BROKERS', 'REDIS_URL', 'DATABASE_URL'].filter((name) => !env[name]);
    if (missing.length > 0)
      throw new UsageError(`--engines external needs ${missing.join(', ')} in the environment`);
  }
  return {
    once: values.once ?? false,
    traffic: !values['no-traffic'],
    tenants: count('--tenants', values.tenants, 12, 1_000),
    senders: count('--senders', values.senders, 1, 32),
    fresh: values.fresh ?? false,
    engines,
    traces: values.traces ?? false,
    help: values.help ?? false,
  };
}

/** @param {string[]} argv */
function parse(argv) {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        once: { type: 'boolean' },
        'no-traffic': { type: 'boolean' },
        tenants: { type: 'string' },
        senders: { type: 'string' },
        fresh: { type: 'boolean' },
        engines: { type: 'string' },
        traces: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** @param {string} name @param {string | undefined} text @param {number} fallback @param {number} most */
function count(name, text, fallback, most) {
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= most)) throw new UsageError(`${name} is a whole number from 1 to ${most}`);
  return value;
}
