import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Pipeline, type SeenRequest, startPipeline } from '@mersal/testkit';
import { Redis } from 'ioredis';
import { call } from '../../pipeline/test/api.js';
import { customer, orderText } from '../../pipeline/test/orders.js';
import { type LedgerView, viewLedger } from '../ledger-view.js';
import { untilSeen, wallClock } from '../moments.js';
import type { BenchContext, Part, Row } from '../part.js';
import { cpuOf, cpuOfTree, loopbackBytes, memoryOf } from '../process-stat.js';
import { percentile } from '../spread.js';

const TENANTS = 100;
const CONVERSATIONS = 5_000;
const RATE = 80;
/** Above the load: at the limit itself each late instant would be a delay for good, and the latency that of a queue. */
const LIMIT = 100;
const MINUTE_MS = 60_000;
/** Longest wait for the last ones, in ms: outcomes that are not known take half a minute each. */
const ARRIVE_MS = 180_000;
/** At most so many times what the first third shows behind the warm-up. */
const MOST = { memory: 1.15, latency: 1.5, disk: 1.2 };

/** How it stands at the end of a minute: sums since the start, and what is held now. */
interface Sample {
  readonly at: number;
  readonly messages: number;
  readonly rssMb: Readonly<Record<string, number>>;
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly disk: Readonly<Record<'Postgres' | 'Kafka', number>>;
  readonly sums: Readonly<Record<(typeof SUMS)[number], number>>;
}
const SUMS = [
  'Postgres, transactions',
  'Postgres, rows written',
  'Postgres, WAL bytes',
  'Redis, commands',
  'loopback, bytes',
] as const;

async function run(context: BenchContext): Promise<Row[]> {
  const [minutes, warmUp] = context.quick ? [4, 1] : [30, 6];
  const pipeline = await startPipeline({
    tenants: Array.from({ length: TENANTS }, (_, n) => `restaurant-${n}`),
    senders: 2,
    cacheMetrics: 1,
    latencyMs: 50,
    env: { GLOBAL_RATE_PER_SECOND: String(LIMIT) },
    engines: context.engines,
  });
  const ledger = viewLedger(pipeline.database);
  const redis = new Redis(context.engines.redis);
  try {
    const load = startLoad(pipeline);
    const samples: Sample[] = [];
    for (let minute = 0; minute <= minutes; minute += 1) {
      await sleep(load.startedAt + minute * MINUTE_MS - performance.now());
      const sample = await takeSample(context, pipeline, ledger, redis, load.posted.length);
      samples.push(sample);
      context.say(`  ${minute} of ${minutes} min: ${progress(sample)}`);
    }
    const posted = await load.stop();
    const seen = await arrived(pipeline, ledger, posted);
    return [refusals(load.refused), ...(await judge(pipeline, samples.slice(warmUp), posted, seen))];
  } finally {
    redis.disconnect();
    await ledger.close();
    await pipeline.stop();
  }
}

interface Posted {
  readonly id: string;
  readonly at: number;
}

/** Posts one by one at the rate, whatever the answers take. */
function startLoad(pipeline: Pipeline): {
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
    const { apiKey } = pipeline.tenant(`restaurant-${n % TENANTS}`);
    const at = wallClock();
    const body = { phoneNumber: customer(n % CONVERSATIONS), text: orderText(n) };
    const answer = await call(pipeline, apiKey, 'POST', '/api/whatsapp/send', body);
    if (answer.status === 202) posted.push({ at, id: String(answer.body['id']) });
    else refused.push(`${answer.status} ${String(answer.body['code'])}`);
  };
  const running = (async () => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      await sleep(Math.max(0, startedAt + (n * 1_000) / RATE - performance.now()));
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

async function takeSample(
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

function refusals(refused: readonly string[]): Row {
  return {
    what: 'soak: posts that were refused',
    target: '0',
    measured: [String(refused.length), ...new Set(refused)].slice(0, 4).join(', '),
    met: refused.length === 0,
  };
}

function progress({ messages, rssMb, disk }: Sample): string {
  const memory = Object.entries(rssMb).map(([name, mb]) => `${name} ${mb.toFixed(0)} MB`);
  return `${messages} messages, ${memory.join(', ')}, Postgres ${(disk.Postgres / 1e6).toFixed(0)} MB`;
}

/** What the provider saw of them; throws with where the ledger has those that it did not see. */
async function arrived(
  pipeline: Pipeline,
  ledger: LedgerView,
  posted: readonly Posted[],
): Promise<ReadonlyMap<string, SeenRequest>> {
  const ids = posted.map(({ id }) => id);
  try {
    return await untilSeen(pipeline.simulator, ids, ARRIVE_MS);
  } catch (error) {
    const states = await ledger.query(
      `select m.state, m.attempt, m.error_class, m.error_code, l.state as lane, l.head = m.u as is_head, l.due::text, count(*)::int as messages,
              min(m.u::text) as one
         from message m left join lane l on l.tenant = m.tenant and l.lane = m.lane
        where m.state < 10 or m.error_class is not null
        group by 1, 2, 3, 4, 5, 6, 7 order by count(*) desc limit 20`,
    );
    throw new Error(`not all arrived; not sent, or with an error: ${JSON.stringify(states)}`, {
      cause: error,
    });
  }
}

async function judge(
  pipeline: Pipeline,
  samples: readonly Sample[],
  posted: readonly Posted[],
  seen: ReadonlyMap<string, SeenRequest>,
): Promise<Row[]> {
  const { accepted, duplicates } = await pipeline.simulator.stats();
  const third = Math.max(1, Math.floor((samples.length - 1) / 3));
  const [first, last] = [samples.slice(0, third + 1), samples.slice(-third - 1)];
  const waits = (part: readonly Sample[]): number[] =>
    posted
      .filter(({ at }) => at >= (part[0]?.at ?? 0) && at < (part.at(-1)?.at ?? 0))
      .map(({ id, at }) => (seen.get(id)?.receivedAt ?? Number.NaN) - at);
  const [early, late] = [waits(first), waits(last)];
  const everything = posted.map(({ id, at }) => (seen.get(id)?.receivedAt ?? Number.NaN) - at);
  return [
    {
      what: `soak: of ${posted.length} accepted, lost and sent twice`,
      target: '0 and 0',
      measured: `${posted.length - accepted} and ${duplicates}`,
      met: posted.length === accepted && duplicates === 0,
      detail: { samples },
    },
    ...Object.keys(first[0]?.rssMb ?? {}).map((name) =>
      flat(
        `memory of ${name}`,
        mean(first, name),
        mean(last, name),
        MOST.memory,
        (mb) => `${mb.toFixed(0)} MB`,
      ),
    ),
    ...[0.5, 0.99].map((share) =>
      flat(
        `POST → request at the provider, p${share * 100}`,
        percentile(early, share),
        percentile(late, share),
        MOST.latency,
        (ms) => `${ms.toFixed(0)} ms`,
      ),
    ),
    {
      what: 'soak: the slowest of all',
      target: '< 5 s',
      measured: `${Math.max(...everything).toFixed(0)} ms`,
      met: Math.max(...everything) < 5_000,
    },
    ...(['Postgres', 'Kafka'] as const).map((engine) =>
      flat(
        `disk of ${engine}, a message`,
        perMessage(first, (sample) => sample.disk[engine]),
        perMessage(last, (sample) => sample.disk[engine]),
        MOST.disk,
        (bytes) => `${bytes.toFixed(0)} B`,
      ),
    ),
    ...Object.keys(last[0]?.cpuUs ?? {}).map((name) =>
      cost(
        `CPU of ${name}`,
        perMessage(samples, (sample) => sample.cpuUs[name] ?? 0),
        'µs',
      ),
    ),
    ...SUMS.map((name) =>
      cost(
        name,
        perMessage(samples, (sample) => sample.sums[name]),
        '',
      ),
    ),
  ];
}

function flat(what: string, early: number, late: number, most: number, text: (value: number) => string): Row {
  const ratio = late / early;
  return {
    what: `soak: ${what}, last third against first (${text(early)})`,
    target: `≤ ${most} ×`,
    measured: text(late),
    ratio,
    met: ratio <= most,
  };
}

function cost(what: string, each: number, unit: string): Row {
  return {
    what: `  a message: ${what}`,
    target: '',
    measured: `${each.toFixed(1)} ${unit}`.trim(),
    met: null,
  };
}

function mean(samples: readonly Sample[], name: string): number {
  return samples.reduce((sum, sample) => sum + (sample.rssMb[name] ?? 0), 0) / samples.length;
}

function perMessage(samples: readonly Sample[], of: (sample: Sample) => number): number {
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

export const soak: Part = {
  name: 'soak',
  text: `${RATE}/s for half an hour: nothing grows but what is kept; and what a message costs`,
  onlyNamed: true,
  run,
};
