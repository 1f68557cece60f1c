import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Database } from './database.js';
import { LedgerError, toLedgerError } from './errors.js';
import { WHAT_TO_DO_INSTEAD } from './partitions.js';

const MIGRATIONS = fileURLToPath(new URL('../sql/migrations/', import.meta.url));
/** Any number, as long as nobody else uses it: two starts at once wait for each other. */
const LOCK = 7_236_001;

export interface MigrationReport {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
}

/** Brings the database up to this version, forward only. Two at once: the second waits and finds nothing to do. */
export async function migrate(url: string): Promise<MigrationReport> {
  return locked(url, async (client) => {
    const before = await appliedNames(client);
    await runner({
      dbClient: client,
      dir: MIGRATIONS,
      migrationsTable: 'migration',
      direction: 'up',
      checkOrder: true,
      noLock: true,
      singleTransaction: true,
      log: () => undefined,
    });
    const names = await migrationNames();
    return { applied: names.filter((name) => !before.has(name)), pending: [] };
  });
}

/** What has been applied and what would be. */
export async function migrationStatus(url: string): Promise<MigrationReport> {
  return locked(url, async (client) => {
    const done = await appliedNames(client);
    const names = await migrationNames();
    return {
      applied: names.filter((name) => done.has(name)),
      pending: names.filter((name) => !done.has(name)),
    };
  });
}

/** A fingerprint of all migrations: what a service expects of its database. */
export async function schemaVersion(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of await migrationNames())
    hash.update(name).update(await readFile(`${MIGRATIONS}${name}.sql`));
  return hash.digest('hex').slice(0, 12);
}

async function migrationNames(): Promise<string[]> {
  const files = await readdir(MIGRATIONS);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -4))
    .sort();
}

async function appliedNames(client: pg.Client): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ there: boolean }>(
    "select to_regclass('migration') is not null as there",
  );
  if (!rows[0]?.there) return new Set();
  const applied = await client.query<{ name: string }>('select name from migration');
  return new Set(applied.rows.map((row) => row.name));
}

/** One connection, alone among those that change tables, rights or the installation. Throws LedgerError. */
export async function locked<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'mersal-migrate' });
  try {
    await client.connect();
  } catch (error) {
    throw toLedgerError(error);
  }
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    return await work(client);
  } catch (error) {
    throw toLedgerError(error);
  } finally {
    await client.end();
  }
}

/** What the database was set up for. Throws LedgerError `partition_count` where it was not, or for another queue. */
export async function readInstallation(
  database: Database,
  queue: string,
): Promise<{ readonly partitions: number; readonly incarnation: string }> {
  const [row] = await database.run({
    name: 'read-installation',
    text: 'select queue, partitions, incarnation from installation',
    values: [],
  });
  if (typeof row?.['partitions'] !== 'number' || row['queue'] !== queue) {
    throw new LedgerError(
      'partition_count',
      `the ledger is set up for ${(row?.['queue'] as string | null | undefined) ?? 'no queue yet'}, not ${queue}: run \`mersal topics ensure\``,
    );
  }
  return { partitions: row['partitions'], incarnation: row['incarnation'] as string };
}

/** Throws LedgerError `partition_count` unless the ledger has this count, or none yet: then it is set. */
export async function agreePartitions(url: string, queue: string, partitions: number): Promise<void> {
  await locked(url, async (client) => {
    const { rows } = await client.query<{ partitions: number | null; queue: string | null }>(
      'select partitions, queue from installation',
    );
    const known = rows[0];
    if (known?.partitions === partitions && known.queue === queue) return;
    if (known?.partitions !== null && known?.partitions !== undefined) {
      throw new LedgerError(
        'partition_count',
        `the ledger belongs to queue ${known.queue} with ${known.partitions} partitions, not ${queue} with ${partitions}. ${WHAT_TO_DO_INSTEAD}`,
      );
    }
    await client.query('update installation set partitions = $1, queue = $2', [partitions, queue]);
    for (const topic of ['send', 'retry', 'callbacks']) {
      await client.query(
        'insert into admitted (partition, topic, next_offset) select p, $1, 0 from generate_series(0, $2 - 1) p',
        [topic, partitions],
      );
    }
    await client.query(
      "insert into owner (partition, epoch, member) select p, 0, 'nobody' from generate_series(0, $1 - 1) p",
      [partitions],
    );
  });
}
