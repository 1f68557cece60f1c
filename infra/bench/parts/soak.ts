import { setTimeout as sleep } from 'node:timers/promises';
import { type Pipeline, type SeenRequest, startPipeline } from '@mersal/testkit';
import { Redis } from 'ioredis';
import { type LedgerView, viewLedger } from '../ledger-view.js';
import { untilSeen } from '../moments.js';
import type { BenchContext, Part, Row } from '../part.js';
import { percentile } from '../spread.js';
import { perMessage, type Posted, type Sample, startLoad, SUMS, takeSample } from '../steady-load.js';

const TENANTS = 100;
const RATE = 80;
/** Above the load: at the limit itself each late instant would be a delay for good, and the latency that of a queue. */
const LIMIT = 100;
const MINUTE_MS = 60_000;
/** Longest wait for the last ones, in ms: outcomes that are not known take half a minute each. */
const ARRIVE_MS = 180_000;
/** At most so many times what the first third shows behind the warm-up. */
const MOST = { memory: 1.15, latency: 1.5, disk: 1.2 };

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
    const load = startLoad(pipeline, RATE);
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

export const soak: Part = {
  name: 'soak',
  text: `${RATE}/s for half an hour: nothing grows but what is kept; and what a message costs`,
  onlyNamed: true,
  run,
};
