import { readConfig } from '@mersal/config';
import {
  decodeData,
  decodeEvent,
  parseMessageId,
  type TopicNames,
  topicNames,
  UndecodableRecord,
} from '@mersal/contracts';
import { type InRecord, type KafkaConnection, readRange } from '@mersal/kafka';
import {
  applyOutcomes,
  beginRestore,
  type Database,
  finishRestore,
  openDatabase,
  readAdmittedOffsets,
  readInstallation,
  readRestore,
  type Restore,
  type ToldOutcome,
  TOPIC_ROLES,
} from '@mersal/ledger';
import { spanOf } from '@mersal/recovery';
import { setTimeout as sleep } from 'node:timers/promises';
import { withAdmin } from '../connections.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { progressLine, type Terminal } from '../terminal.js';
import { actor } from './audit.js';

export interface RestoreWorld {
  readonly terminal: Terminal | undefined;
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** Statements that read the whole ledger take their time, in ms. */
const PATIENCE_MS = 900_000;
/** A transaction that was open while the backup was made may have stamped earlier than the newest that the backup knows, in ms. */
const OPEN_MS = 5_000;
/** Kafka's clock and the database's may differ by this, and outcomes may have waited so long to be published, in ms. */
const APART_MS = 600_000;
const LOOK_MS = 500;

/** Once, before any sender is started on a ledger that came back from a backup. */
export async function restoreBegin(env: Environment): Promise<Report> {
  return patiently(env, async (database) => {
    await installed(env, database);
    const { from } = await beginRestore(database, actor());
    const newest = new Date(from).toISOString();
    return report(
      { newest, paused: true },
      `a new incarnation; its backup knows nothing after ${newest}. Everything is paused: start the senders, then \`mersal restore finish\``,
    );
  });
}

/** Once the senders have filed what the log has; waits for that. */
export async function restoreFinish(
  env: Environment,
  connection: KafkaConnection,
  given: { readonly wait: string },
  world: RestoreWorld,
): Promise<Report> {
  return patiently(env, (database) =>
    world.interruptible(async (signal) => {
      const { topics, partitions } = await installed(env, database);
      const restore = await readRestore(database);
      if (!restore) throw new CliError('no_restore', 'no restore was begun: see `mersal restore begin`');
      try {
        await filed(database, connection, topics, Number(given.wait) * 1_000, world, signal);
        const told = await tellOutcomes(database, connection, topics, partitions, restore, signal);
        const { byCallbacks, suspects } = await finishRestore(database, actor(), told);
        const all = { ...told, byCallbacks, suspects };
        return report(
          all,
          `${table(
            ['restored', ''],
            [
              ['outcomes read', told.outcomes],
              ['messages changed by them', told.changed],
              ['messages changed by callbacks', byCallbacks],
              ['in doubt: the provider is asked', suspects],
              ['opt-outs filed again', told.optOuts],
            ],
          )}\nwhat was decided since the backup is not known here: \`mersal restore review\` lists what may have come back`,
        );
      } finally {
        world.terminal?.progress('');
      }
    }),
  );
}

/** Waits until the senders have read up to where the log ends now. */
async function filed(
  database: Database,
  connection: KafkaConnection,
  topics: TopicNames,
  waitMs: number,
  world: RestoreWorld,
  signal: AbortSignal,
): Promise<void> {
  const ends = await withAdmin(connection, async (admin) =>
    Promise.all(TOPIC_ROLES.map(async (role) => [role, await admin.watermarks(topics[role])] as const)),
  );
  const deadline = performance.now() + waitMs;
  for (;;) {
    signal.throwIfAborted();
    let [total, left] = [0n, 0n];
    for (const [role, marks] of ends) {
      const admitted = await readAdmittedOffsets(database, role);
      for (const [partition, next] of admitted) {
        const { low, high } = marks.get(partition) ?? { low: 0n, high: 0n };
        total += high - low;
        if (high > low && next < high) left += high - (next > low ? next : low);
      }
    }
    if (left === 0n) return;
    world.terminal?.progress(progressLine(Number(total - left), Number(total), 'records filed'));
    if (performance.now() > deadline)
      throw new CliError('not_filed', `${left} records of the log are not filed yet: do the senders run?`);
    await sleep(LOOK_MS, undefined, { signal });
  }
}

async function tellOutcomes(
  database: Database,
  connection: KafkaConnection,
  topics: TopicNames,
  partitions: number,
  restore: Restore,
  signal: AbortSignal,
): Promise<{ outcomes: number; changed: number; optOuts: number }> {
  const ranges = await spanOf(connection, topics.outcomes, {
    partitions: Array.from({ length: partitions }, (_, number) => number),
    from: restore.from - APART_MS,
  });
  const tally = { outcomes: 0, changed: 0, optOuts: 0 };
  await readRange({
    connection,
    topic: topics.outcomes,
    ranges,
    signal,
    onRecords: async (_partition, records) => {
      // What came before is in the backup; what came after is of senders that filed meanwhile.
      const told = records
        .map(toldBy)
        .filter((one) => one !== undefined)
        .filter(({ at }) => at > restore.from - OPEN_MS && at < restore.at);
      tally.outcomes += told.length;
      const { changed, optOuts } = await applyOutcomes(database, told, addressOf);
      tally.changed += changed;
      tally.optOuts += optOuts;
    },
  });
  return tally;
}

function toldBy(record: InRecord): ToldOutcome | undefined {
  try {
    const event = decodeEvent(record.headers, record.value);
    const parts = event.type === 'mersal.message.outcome.v1' && parseMessageId(event.data.messageId);
    if (!parts) return undefined;
    const { restaurantId, redrive, attempt, state, at, sid, accountSid, error } = event.data;
    return {
      restaurantId,
      u: parts.u,
      redrive,
      attempt,
      state,
      at,
      sid: sid ?? null,
      accountSid: accountSid ?? null,
      optedOut:
        error?.class === 'opted_out'
          ? `${error.code ?? ''} ${error.message ?? 'the recipient opted out'}`.trim()
          : null,
    };
  } catch (error) {
    // Says nothing of any message: what it was about is in doubt, then.
    if (error instanceof UndecodableRecord) return undefined;
    throw error;
  }
}

function addressOf(record: Buffer): string | undefined {
  try {
    return decodeData('mersal.send.requested.v1', record).to;
  } catch (error) {
    if (error instanceof UndecodableRecord) return undefined;
    throw error;
  }
}

async function installed(
  env: Environment,
  database: Database,
): Promise<{ readonly topics: TopicNames; readonly partitions: number }> {
  const { WHATSAPP_SEND_QUEUE_NAME: queue } = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
  const { partitions } = await readInstallation(database, queue);
  return { topics: topicNames(queue), partitions };
}

async function patiently<T>(env: Environment, work: (database: Database) => Promise<T>): Promise<T> {
  const { DATABASE_URL } = readConfig(env, ['DATABASE_URL']);
  const database = openDatabase({
    url: DATABASE_URL,
    max: 2,
    application: 'mersal-restore',
    statementTimeoutMs: PATIENCE_MS,
    // A broken idle connection fails the next statement, which reports it.
    onError: () => undefined,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
