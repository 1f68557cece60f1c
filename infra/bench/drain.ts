import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ServiceProcess, waitFor } from '@mersal/testkit';
import { type LedgerView, viewLedger } from './ledger-view.js';
import { publishBacklog, type Target } from './load.js';
import type { BenchContext } from './part.js';
import { cpuOf, cpuOfTree } from './process-stat.js';
import { forgetStatements, readStatements } from './statements.js';
import { openStage } from './stage.js';

/** Where a backlog is sent from: a stage or a pipeline. */
export interface Place extends Target {
  readonly database: string;
  startSender(name: string, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
}

export interface DrainOptions {
  readonly conversationsEach: number;
  readonly warmUp: number;
  readonly messages: number;
  /** Of the sender. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What sending one backlog took. Times of CPU in µs a message. */
export interface Drained {
  readonly perSecond: number;
  readonly seconds: number;
  readonly senderUs: number;
  readonly postgresUs: number;
  readonly kafkaUs: number;
  readonly walBytes: number;
  readonly transactions: number;
}

/** No limits but those that keep the process's own memory bounded. */
export const LIFTED: Readonly<Record<string, string>> = {
  GLOBAL_RATE_PER_SECOND: 'unlimited',
  SENDER_RATE_PER_SECOND: 'unlimited',
  TENANT_CONCURRENCY: '50',
  TWILIO_MAX_SOCKETS: '1000',
};

/**
 * Messages that wait in Kafka, as jobs of another queue wait in Redis, are admitted, claimed, sent, settled and their
 * outcomes published. The clock runs from the moment the sender may begin until the last outcome is in Kafka.
 */
export async function drain(context: BenchContext, place: Place, options: DrainOptions): Promise<Drained> {
  const ledger = viewLedger(place.database);
  try {
    const sender = await place.startSender('sender-1', { ...LIFTED, LOG_LEVEL: 'warn', ...options.env });
    const { conversationsEach } = options;
    await publishBacklog(place, { messages: options.warmUp, conversationsEach });
    await untilSent(sender, ledger, options.warmUp);
    // What autovacuum does within its first minute: a younger database than that is not what is measured.
    await ledger.query('vacuum analyze');
    // The sender stands still while the log fills: what is measured is its work, not the load generator's.
    sender.signal('SIGSTOP');
    await publishBacklog(place, { messages: options.messages, conversationsEach });
    if (context.profileDir !== undefined) await forgetStatements(ledger.query);
    const before = await counters(context, sender, ledger.query);
    sender.signal('SIGCONT');
    const startedAt = performance.now();
    await untilSent(sender, ledger, options.warmUp + options.messages);
    const seconds = (performance.now() - startedAt) / 1_000;
    const after = await counters(context, sender, ledger.query);
    if (context.profileDir !== undefined) {
      const statements = await readStatements(ledger.query, options.messages);
      writeFileSync(join(context.profileDir, `${place.queue}.statements.txt`), `${statements}\n`);
    }
    const each = (key: keyof Counters): number => (after[key] - before[key]) / options.messages;
    return {
      perSecond: options.messages / seconds,
      seconds,
      senderUs: each('senderUs'),
      postgresUs: each('postgresUs'),
      kafkaUs: each('kafkaUs'),
      walBytes: each('walBytes'),
      transactions: each('transactions'),
    };
  } finally {
    await ledger.close();
  }
}

/** The same on a stage of its own, with so many restaurants. */
export async function drainStage(
  context: BenchContext,
  options: DrainOptions & { readonly tenants: number },
): Promise<Drained> {
  const stage = await openStage(context, { tenants: options.tenants });
  try {
    return await drain(context, stage, options);
  } finally {
    await stage.stop();
  }
}

interface Counters {
  readonly senderUs: number;
  readonly postgresUs: number;
  readonly kafkaUs: number;
  readonly walBytes: number;
  readonly transactions: number;
}

async function counters(
  context: BenchContext,
  sender: ServiceProcess,
  query: <T extends object>(sql: string) => Promise<T[]>,
): Promise<Counters> {
  const [row] = await query<{ wal: string; commits: string }>(
    `select (select wal_bytes from pg_stat_wal)::text as wal,
            (select xact_commit from pg_stat_database where datname = current_database())::text as commits`,
  );
  return {
    senderUs: cpuOf(sender.pid),
    postgresUs: cpuOfTree(context.pids.postgres),
    kafkaUs: cpuOfTree(context.pids.kafka),
    walBytes: Number(row?.wal),
    transactions: Number(row?.commits),
  };
}

/** Waits until the sender has published the outcome `sent` of so many messages: by its own count, or by the ledger's where it keeps none. */
async function untilSent(sender: ServiceProcess, ledger: LedgerView, count: number): Promise<void> {
  let seen = 0;
  await waitFor(
    async () => {
      const text = await (await fetch(`${sender.url}/metrics`)).text();
      if (text.startsWith('# telemetry is off')) {
        const [row] = await ledger.query<{ n: number }>(
          'select (select count(*) from message where state >= 10)::int - (select count(*) from outbox)::int as n',
        );
        seen = row?.n ?? 0;
      } else seen = Number(/^mersal_outcomes_total\{[^}]*state="sent"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
      return seen >= count;
    },
    {
      timeoutMs: 300_000,
      intervalMs: 200,
      describe: () => `${count} outcomes, there are ${seen}; it said:\n${sender.lines.slice(-10).join('\n')}`,
    },
  );
}
