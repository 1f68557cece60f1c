import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startKafka, startKafkaCluster, startPostgres, startRedis, writePidFile } from '@mersal/local';
import { Client, escapeIdentifier } from 'pg';

/** Where the engines of this test run answer. */
export interface EngineAddresses {
  /** `host:port` of each broker */
  readonly kafka: string[];
  readonly redis: string;
  /** a superuser's; databases of a test's own come from `freshDatabase` */
  readonly postgres: string;
}

/** How the addresses get from the global setup to the processes that run the tests. */
export const ADDRESSES_VARIABLE = 'MERSAL_TEST_ENGINES';

/** Of this checkout; one folder a run. */
export const runsDirectory = fileURLToPath(new URL('../../../.local/test-engines', import.meta.url));

/**
 * The Kafka, Redis and Postgres that all tests of a run share: names in them must be the test's own and random.
 * Start them with the global setup of the integration project.
 */
// oxlint-disable-next-line typescript/require-await -- callers must not rely on the engines being there already
export async function engines(): Promise<EngineAddresses> {
  const text = process.env[ADDRESSES_VARIABLE];
  if (text === undefined)
    throw new Error(
      'no engines run: integration tests are *.itest.ts files, run by the project "integration"',
    );
  return JSON.parse(text) as EngineAddresses;
}

/** A name nobody else has: lower-case letters, digits and underscores, safe as a topic, key prefix or database. */
export function randomName(prefix: string): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`;
}

/** Makes an empty database in the shared Postgres, or in the server named, and returns its URL. It goes when the run ends. */
export async function freshDatabase(prefix = 'test', server?: string): Promise<string> {
  const postgres = server ?? (await engines()).postgres;
  const name = randomName(prefix);
  const client = new Client({ connectionString: postgres, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(`create database ${escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const url = new URL(postgres);
  url.pathname = `/${name}`;
  return url.href;
}

function ownDirectory(kind: string): string {
  const run = join(runsDirectory, `own-${process.pid}`);
  // Says whose it is, so that the next run's sweep leaves it alone while this process lives.
  writePidFile(join(run, 'run.pid'), process.pid);
  const directory = join(run, randomName(kind));
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** A handle with `remove`: stops the engine and deletes its data. */
type Own<T> = T & { remove(): Promise<void>; [Symbol.asyncDispose](): Promise<void> };

function own<T extends { dir: string; kill(): Promise<void> }>(handle: T): Own<T> {
  const remove = async () => {
    await handle.kill();
    rmSync(handle.dir, { recursive: true, force: true });
  };
  return Object.defineProperties(
    { remove, [Symbol.asyncDispose]: remove } as Own<T>,
    Object.getOwnPropertyDescriptors(handle),
  );
}

/** A broker for one test that kills, freezes or restarts it. Takes about 6 s to start. */
export async function ownKafka(
  options: Partial<Omit<Parameters<typeof startKafka>[0], 'dir' | 'onProgress'>> = {},
) {
  return own(await startKafka({ dir: ownDirectory('kafka'), port: 0, controllerPort: 0, ...options }));
}

/** Three brokers for one test that kills, freezes or restarts them one by one. Takes about 20 s to start. */
export async function ownKafkaCluster(options: { nodes?: number } = {}) {
  return own(await startKafkaCluster({ dir: ownDirectory('kafka-cluster'), ...options }));
}

/** A Redis for one test that kills, freezes, flushes or restarts it. */
export async function ownRedis(
  options: { port?: number; appendOnly?: boolean; args?: readonly string[] } = {},
) {
  return own(await startRedis({ dir: ownDirectory('redis'), port: 0, ...options }));
}

/** A Postgres for one test that kills, freezes or restarts it. `settings` are the server's own. */
export async function ownPostgres(options: { port?: number; settings?: Record<string, string> } = {}) {
  return own(await startPostgres({ dir: ownDirectory('postgres'), port: 0, ...options }));
}
