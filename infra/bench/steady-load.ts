import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pipeline, PipelineTenant } from '@mersal/testkit';
import type { Redis } from 'ioredis';
import { call } from '../pipeline/test/api.js';
import { customer, orderText } from '../pipeline/test/orders.js';
import type { LedgerView } from './ledger-view.js';
import { wallClock } from './moments.js';
import type { BenchContext } from './part.js';
import { cpuOf, cpuOfTree, loopbackBytes, memoryOf } from './process-stat.js';

const CONVERSATIONS = 5_000;

/** How it stands at one moment: sums since the start, and what is held now. */
export interface Sample {
  readonly at: number;
  readonly messages: number;
  readonly rssMb: Readonly<Record<string, number>>;
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly disk: Readonly<Record<'Postgres' | 'Kafka', number>>;
  readonly sums: Readonly<Record<(typeof SUMS)[number], number>>;
}
export const SUMS = [
  'Postgres, transactions',
  'Postgres, rows written',
  'Postgres, WAL bytes',
  'Redis, commands',
  'loopback, bytes',
] as const;

export interface Posted {
  readonly id: string;
  readonly at: number;
}

/** Posts one by one at the rate, whatever the answers take. */
export function startLoad(
  pipeline: Pipeline,
  perSecond: number,
): {
  readonly startedAt: number;
  readonly posted: readonly Posted[];
  /** Why, one for each that was not accepted. */
  readonly refused: readonly string[];
  stop(): Promise<readonly Posted[]>;
} {
  const startedAt = performance.now();
  const posted: Posted[] = [];
  const refused: string[] = [];
  const underWay = new Set<Promise<void>>();
  const over = new AbortController();
  const send = async (n: number): Promise<void> => {
    const { apiKey } = pipeline.tenants[n % pipeline.tenants.length] as PipelineTenant;
    const at = wallClock();
    const body = { phoneNumber: customer(n % CONVERSATIONS), text: orderText(n) };
    const answer = await call(pipeline, apiKey, 'POST', '/api/whatsapp/send', body);
    if (answer.status === 202) posted.push({ at, id: String(answer.body['id']) });
    else refused.push(`${answer.status} ${String(answer.body['code'])}`);
  };
  const running = (async () => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      await sleep(Math.max(0, startedAt + (n * 1_000) / perSecond - performance.now()));
      const one = send(n)
        .catch((error: unknown) => void refused.push(String(error)))
        .finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await Promise.all(underWay);
  })();
  return {
    startedAt,
    posted,
    refused,
    async stop() {
      over.abort();
      await running;
      return posted;
    },
  };
}

export async function takeSample(
  context: BenchContext,
  pipeline: Pipeline,
  ledger: LedgerView,
  redis: Redis,
  messages: number,
): Promise<Sample> {
  const services = [...pipeline.services].filter(([name]) => !name.startsWith('twilio'));
  const [database] = await ledger.query<{ bytes: string; transactions: string; rows: string; wal: string }>(
    `select pg_database_size(current_database())::text as bytes,
            (xact_commit + xact_rollback)::text as transactions,
            (tup_inserted + tup_updated + tup_deleted)::text as rows,
            pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as wal
       from pg_stat_database where datname = current_database()`,
  );
  const commands = /total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1];
  return {
    at: wallClock(),
    messages,
    rssMb: Object.fromEntries(services.map(([name, { pid }]) => [name, memoryOf(pid).rss])),
    cpuUs: {
      ...Object.fromEntries(services.map(([name, { pid }]) => [name, cpuOf(pid)])),
      Kafka: cpuOfTree(context.pids.kafka),
      Postgres: cpuOfTree(context.pids.postgres),
      Redis: cpuOfTree(context.pids.redis),
    },
    disk: { Postgres: Number(database?.bytes), Kafka: bytesUnder(context.kafkaDirectory) },
    sums: {
      'Postgres, transactions': Number(database?.transactions),
      'Postgres, rows written': Number(database?.rows),
      'Postgres, WAL bytes': Number(database?.wal),
      'Redis, commands': Number(commands),
      'loopback, bytes': loopbackBytes(),
    },
  };
}

/** What a message costs or leaves between the first and the last of these. */
export function perMessage(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const [first, last] = [samples[0] as Sample, samples.at(-1) as Sample];
  return (of(last) - of(first)) / (last.messages - first.messages);
}

function bytesUnder(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    // Segments come and go while this looks.
    if (entry.isFile())
      bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
