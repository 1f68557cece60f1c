import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { listenProbes, runService } from '@mersal/lifecycle';
import { createSimulator, type SimulatedAccount, type Simulator } from './simulator.js';

/** The numbers of pino's levels, as every service's log has them. */
const LEVELS = { info: 30, warn: 40, fatal: 60 } as const;

function write(level: keyof typeof LEVELS, fields: object, message: string): void {
  const { err, ...rest } = fields as { err?: unknown };
  const error = err === undefined ? {} : { err: inspect(err) };
  process.stdout.write(
    `${JSON.stringify({ level: LEVELS[level], time: Date.now(), service: 'twilio-simulator', ...rest, ...error, msg: message })}\n`,
  );
}

const logger = {
  info: (fields: object, message: string) => write('info', fields, message),
  warn: (fields: object, message: string) => write('warn', fields, message),
  fatal: (fields: object, message: string) => write('fatal', fields, message),
};

function number(name: string, fallback: number | undefined): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name} must be a number of at least 0`);
  return value;
}

function metrics(simulator: Simulator): string {
  const stats = simulator.stats();
  const values: Readonly<Record<string, number>> = {
    simulator_creates_total: stats.total,
    simulator_accepted_total: stats.accepted,
    simulator_duplicates_total: stats.duplicates,
    simulator_creates_max_per_second: stats.maxPerSecond,
    simulator_in_flight: stats.inFlight,
  };
  return Object.entries(values)
    .map(
      ([name, value]) =>
        `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n${name} ${value}\n`,
    )
    .join('');
}

await runService({
  name: 'twilio-simulator',
  logger,
  drainMs: 5_000,
  start: async ({ releases }) => {
    const path = process.env['SIMULATOR_ACCOUNTS'];
    const accounts = path ? (JSON.parse(await readFile(path, 'utf8')) as SimulatedAccount[]) : [];
    const latencyMs = number('SIMULATOR_LATENCY_MS', undefined);
    const rate = number('SIMULATOR_RATE_PER_SECOND', undefined);
    const simulator = await createSimulator({
      accounts,
      host: process.env['HOST'] ?? '127.0.0.1',
      port: number('PORT', 4010) ?? 4010,
      ...(latencyMs !== undefined && { latency: { distribution: 'fixed', ms: latencyMs } }),
      ...(rate !== undefined && { ratePerSecond: rate }),
    });
    releases.push('api', () => simulator.close());
    const probePort = number('PROBE_PORT', undefined);
    if (probePort !== undefined) {
      const probes = await listenProbes({
        host: process.env['PROBE_HOST'] ?? '127.0.0.1',
        port: probePort,
        live: {},
        ready: {},
        metrics: (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
          response.end(metrics(simulator));
        },
      });
      releases.push('probes', () => probes.close());
    }
    logger.info({ url: simulator.url, accounts: accounts.length }, 'twilio-simulator: listening');
  },
});
