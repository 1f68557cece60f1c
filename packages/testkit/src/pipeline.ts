import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePort } from '@mersal/local';
import { type EngineAddresses, engines, freshDatabase, randomName } from './engines.js';
import { loginOf } from './service-login.js';
import { type ServiceProcess, startService, THIS_RELEASE } from './service-process.js';
import { SimulatorClient } from './simulator-client.js';

export interface PipelineTenant {
  readonly restaurantId: string;
  readonly apiKey: string;
  readonly accountSid: string;
  readonly authToken: string;
  readonly fromNumber: string;
}

export interface PipelineOptions {
  readonly tenants: readonly string[];
  readonly senders?: number;
  readonly cacheMetrics?: number;
  readonly partitions?: number;
  /** For every service. */
  readonly env?: Readonly<Record<string, string>>;
  /** More for single services, by app, and for `cli`. */
  readonly of?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Of Node itself, by app: a profile, say. */
  readonly nodeArgs?: Readonly<Record<string, readonly string[]>>;
  /** The root of a built checkout that services and command line are of. Default: this one. */
  readonly release?: string;
  /** Default: one that nobody else has. */
  readonly queue?: string;
  /**
   * Whether services and command line log in to the database under their roles. Default: true. False: as its owner, where their
   * release has no roles yet.
   */
  readonly roles?: boolean;
  /** Of the provider, in ms. */
  readonly latencyMs?: number;
  /** Engines of the test's own instead of the shared ones of its run. */
  readonly engines?: Partial<EngineAddresses>;
  /** How long a service may take to be ready, in ms. Default 40,000. */
  readonly readyWithinMs?: number;
  /** Aborted, it kills every service at once, also those that are just starting. */
  readonly signal?: AbortSignal | undefined;
}

/** The services that log in to the database under a role of their own. */
const ROLES = {
  ingress: 'mersal_ingress',
  sender: 'mersal_sender',
  'cache-metrics': 'mersal_cache_metrics',
  cli: 'mersal_cli',
} as const;

/**
 * The whole pipeline as processes, on real engines, with a queue and a database of its own. Each service and the command line have
 * the rights of their role in the database and no others; `database` is the owner's.
 */
export interface Pipeline {
  readonly ingress: string;
  readonly adminToken: string;
  readonly queue: string;
  readonly database: string;
  readonly env: Readonly<Record<string, string>>;
  readonly simulator: SimulatorClient;
  readonly tenants: readonly PipelineTenant[];
  readonly services: ReadonlyMap<string, ServiceProcess>;
  tenant(restaurantId: string): PipelineTenant;
  /** What the command line runs with. */
  readonly cli: Readonly<Record<string, string>>;
  /** The environment with the login of that service. */
  envOf(app: string): Promise<Readonly<Record<string, string>>>;
  startSender(name: string, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  /** A further ingress; returns its address. */
  startIngress(name: string, env?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts a service that has ended once more, as it was started before, with what is given besides. */
  restart(name: string, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  /** What is started from now on, and the command line, is of this release: the root of a built checkout. */
  use(release: string): void;
  /** Runs the operators' command line and returns what it printed. */
  mersal(...args: string[]): Promise<string>;
  /** Saves all restaurants' credentials again, as after a change of them. */
  reseed(): Promise<string>;
  /** All lines of all services. */
  lines(): string[];
  stop(): Promise<void>;
}

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { signal } = options;
  const { kafka, redis, postgres } = await allEngines(options.engines ?? {});
  let release = options.release ?? THIS_RELEASE;
  const queue = options.queue ?? randomName('wa');
  const database = await freshDatabase('pipeline', postgres);
  const adminToken = `mk_admin${randomBytes(6).toString('hex')}_${randomBytes(24).toString('hex')}`;
  const [port, simulatorPort] = [await choosePort(0), await choosePort(0)];
  const directory = mkdtempSync(join(tmpdir(), 'mersal-pipeline-'));
  const tenants = options.tenants.map((restaurantId, n) => newTenant(restaurantId, n));
  const accounts = tenants.map(({ accountSid, authToken, fromNumber }) => ({
    accountSid,
    authToken,
    numbers: [fromNumber.replace('whatsapp:', '')],
  }));
  writeFileSync(join(directory, 'accounts.json'), JSON.stringify(accounts));
  writeFileSync(
    join(directory, 'tenants.json'),
    JSON.stringify(tenants.map((t) => ({ ...t, name: t.restaurantId, fromNumbers: [t.fromNumber] }))),
  );

  const env: Record<string, string> = {
    KAFKA_BROKERS: kafka.join(','),
    REDIS_URL: redis,
    DATABASE_URL: database,
    WHATSAPP_SEND_QUEUE_NAME: queue,
    TOPIC_PARTITIONS: String(options.partitions ?? 12),
    TOPIC_REPLICATION: '1',
    CREDENTIALS_KEY: randomBytes(32).toString('base64'),
    ID_KEYS: `1:${randomBytes(32).toString('base64')}`,
    TWILIO_API_BASE_URL: `http://127.0.0.1:${simulatorPort}`,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    METRICS_AUTH: 'none',
    ADMIN_TOKEN_HASH: createHash('sha256').update(adminToken).digest('hex'),
    LOG_LEVEL: 'info',
    ...options.env,
  };
  const logins = new Map<string, Promise<string>>();
  /** The settings of one service, with its own login; none before the roles are there. */
  const envOf = async (app: string): Promise<Record<string, string>> => {
    const own = { ...env, ...options.of?.[app] };
    if (!isRoleOf(app) || options.roles === false) return own;
    const login = logins.get(app) ?? loginOf(ROLES[app], env['DATABASE_URL'] ?? database);
    logins.set(app, login);
    return { ...own, DATABASE_URL: await login };
  };
  const mersal = async (...args: string[]): Promise<string> =>
    run(
      [join(release, 'apps/cli/bin/mersal.mjs'), ...args],
      // Only the owner changes tables and gives rights.
      args[0] === 'migrate' ? env : await envOf('cli'),
      signal,
    );
  const services = new Map<string, ServiceProcess>();
  const starts = new Map<string, { readonly app: string; readonly more: Record<string, string> }>();
  const start = async (
    app: string,
    name: string,
    more: Record<string, string> = {},
  ): Promise<ServiceProcess> => {
    starts.set(name, { app, more });
    const service = await startService({
      app,
      name,
      env: { ...(await envOf(app)), ...more },
      signal,
      release,
      nodeArgs: options.nodeArgs?.[app] ?? [],
      ...(options.readyWithinMs === undefined ? {} : { readyWithinMs: options.readyWithinMs }),
    });
    services.set(name, service);
    return service;
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...services.values()].toReversed().map((service) => service.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  const provision = async (): Promise<void> => {
    await mersal('migrate', 'deploy');
    if (options.roles !== false) await mersal('migrate', 'roles');
    await mersal('topics', 'ensure');
    await mersal('tenants', 'seed', '--file', join(directory, 'tenants.json'));
  };
  try {
    // The provider needs none of what the command line makes.
    await allOf([
      provision(),
      start('twilio-simulator', 'twilio-simulator', {
        PORT: String(simulatorPort),
        SIMULATOR_ACCOUNTS: join(directory, 'accounts.json'),
        ...(options.latencyMs === undefined ? {} : { SIMULATOR_LATENCY_MS: String(options.latencyMs) }),
      }),
    ]);
    await allOf([
      start('ingress', 'ingress-1', { PORT: String(port) }),
      ...Array.from({ length: options.senders ?? 1 }, (_, n) => start('sender', `sender-${n + 1}`)),
      ...Array.from({ length: options.cacheMetrics ?? 0 }, (_, n) =>
        start('cache-metrics', `cache-metrics-${n + 1}`),
      ),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ingress: `http://127.0.0.1:${port}`,
    adminToken,
    queue,
    database,
    env,
    simulator: new SimulatorClient(`http://127.0.0.1:${simulatorPort}`),
    tenants,
    services,
    tenant: (restaurantId) => {
      const found = tenants.find((tenant) => tenant.restaurantId === restaurantId);
      if (!found) throw new Error(`no restaurant ${restaurantId} in this pipeline`);
      return found;
    },
    cli: await envOf('cli'),
    envOf,
    startSender: (name, more) => start('sender', name, { ...more }),
    startIngress: async (name, more) => {
      const own = await choosePort(0);
      await start('ingress', name, { ...more, PORT: String(own) });
      return `http://127.0.0.1:${own}`;
    },
    restart: (name, env) => {
      const started = starts.get(name);
      if (!started) throw new Error(`${name} was never started in this pipeline`);
      return start(started.app, name, { ...started.more, ...env });
    },
    use: (next) => {
      release = next;
    },
    mersal,
    reseed: () => mersal('tenants', 'seed', '--file', join(directory, 'tenants.json')),
    lines: () => [...services.values()].flatMap((service) => service.lines),
    stop,
  };
}

/** As Promise.all, but a failure is told once all have settled: what comes up late would not be stopped. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(work);
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
}

function isRoleOf(app: string): app is keyof typeof ROLES {
  return Object.hasOwn(ROLES, app);
}

async function allEngines(given: Partial<EngineAddresses>): Promise<EngineAddresses> {
  const { kafka, redis, postgres } = given;
  if (kafka && redis && postgres !== undefined) return { kafka, redis, postgres };
  return { ...(await engines()), ...given };
}

function newTenant(restaurantId: string, n: number): PipelineTenant {
  return {
    restaurantId,
    apiKey: `mk_${randomBytes(8).toString('hex')}_${randomBytes(24).toString('hex')}`,
    accountSid: `AC${randomBytes(16).toString('hex')}`,
    authToken: randomBytes(16).toString('hex'),
    fromNumber: `whatsapp:+1415523${String(1000 + n)}`,
  };
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<string> {
  signal?.throwIfAborted();
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', kill);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await new Promise<number | string>((resolve) => {
    child.once('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  signal?.removeEventListener('abort', kill);
  if (code !== 0)
    throw new Error(`mersal ${args.slice(1).join(' ')} ended with ${String(code)}:\n${err}${out}`);
  return out;
}
