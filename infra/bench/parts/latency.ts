import { parseMessageId } from '@mersal/contracts';
import { type Pipeline, startPipeline } from '@mersal/testkit';
import { post } from '../../pipeline/test/api.js';
import { customer, orderText } from '../../pipeline/test/orders.js';
import { viewLedger } from '../ledger-view.js';
import { untilSeen, wallClock } from '../moments.js';
import type { BenchContext, Part, Row } from '../part.js';
import { percentile } from '../spread.js';

const TENANTS = 20;
const RATE = 80;

async function run(context: BenchContext): Promise<Row[]> {
  const { single, seconds } = context.quick ? { single: 60, seconds: 8 } : { single: 400, seconds: 30 };
  const pipeline = await startPipeline({
    tenants: Array.from({ length: TENANTS }, (_, n) => `restaurant-${n}`),
    latencyMs: 50,
    engines: context.engines,
  });
  const send = async (n: number): Promise<{ id: string; at: number }> => {
    const at = wallClock();
    const tenant = pipeline.tenant(`restaurant-${n % TENANTS}`);
    return { id: await post(pipeline, tenant, { phoneNumber: customer(n), text: orderText(n) }), at };
  };
  try {
    await oneByOne(pipeline, send, 40);
    const unloaded = await oneByOne(pipeline, send, single);
    const stretches = await stretchesOf(pipeline, unloaded);
    const loaded = await atRate(pipeline, send, RATE * seconds);
    const took = unloaded.map(({ postedAt, seenAt }) => seenAt - postedAt);
    const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
    return [
      latencyRow('POST → request at the provider, unloaded, p50', p50, 30),
      latencyRow('POST → request at the provider, unloaded, p99', p99, 100),
      ...stretches,
      latencyRow(
        `POST → answered by the provider at ${RATE}/s for ${seconds} s, the slowest`,
        Math.max(...loaded),
        5_000,
      ),
    ];
  } finally {
    await pipeline.stop();
  }
}

function latencyRow(what: string, ms: number, limit: number): Row {
  return {
    what,
    target: `≤ ${limit} ms`,
    measured: `${ms.toFixed(0)} ms`,
    ratio: ms / limit,
    met: ms <= limit,
  };
}

/** Of one message, in ms since 1970. */
interface Way {
  readonly id: string;
  readonly postedAt: number;
  readonly seenAt: number;
}

type Send = (n: number) => Promise<{ id: string; at: number }>;

async function oneByOne(pipeline: Pipeline, send: Send, count: number): Promise<Way[]> {
  const posted: { id: string; at: number }[] = [];
  for (let n = 0; n < count; n += 1) {
    posted.push(await send(n));
    // Not in step with anything that repeats: every phase of the sender's own rhythms is met.
    await new Promise((next) => setTimeout(next, 60 + ((n * 37) % 83)));
  }
  const ids = posted.map((one) => one.id);
  const seen = await untilSeen(pipeline.simulator, ids, 30_000);
  return posted.map(({ id, at }) => ({
    id,
    postedAt: at,
    seenAt: seen.get(id)?.receivedAt ?? Number.NaN,
  }));
}

/** Where the time goes, by what the ledger has noted. */
async function stretchesOf(pipeline: Pipeline, ways: readonly Way[]): Promise<Row[]> {
  const view = viewLedger(pipeline.database);
  try {
    const noted = await view.query<{ u: string; accepted: number; queued: number; started: number }>(
      `select replace(m.u::text, '-', '') as u, extract(epoch from m.accepted_at)::float8 * 1000 as accepted,
              extract(epoch from e.at)::float8 * 1000 as queued,
              extract(epoch from a.started_at)::float8 * 1000 as started
       from message m
       join message_event e on e.tenant = m.tenant and e.u = m.u and e.state = 'queued'
       join attempt a on a.tenant = m.tenant and a.u = m.u and a.attempt = 1`,
    );
    const byU = new Map(noted.map((one) => [one.u, one]));
    const moments = ways.flatMap(({ id, postedAt, seenAt }) => {
      const found = byU.get(parseMessageId(id)?.u ?? '');
      return found ? [[postedAt, found.accepted, found.queued, found.started, seenAt] as const] : [];
    });
    const stretch = (what: string, from: number, to: number): Row => {
      const all = moments.map((at) => (at[to] as number) - (at[from] as number));
      return {
        what: `  of it: ${what}, p50 (p99 ${percentile(all, 0.99).toFixed(1)} ms)`,
        target: '',
        measured: `${percentile(all, 0.5).toFixed(1)} ms`,
        met: null,
      };
    };
    return [
      stretch('POST → taken in by ingress', 0, 1),
      stretch('→ admitted, through Kafka', 1, 2),
      stretch('→ claimed, after its turn at the rate', 2, 3),
      stretch('→ at the provider, after the commit', 3, 4),
    ];
  } finally {
    await view.close();
  }
}

async function atRate(pipeline: Pipeline, send: Send, count: number): Promise<number[]> {
  const startedAt = performance.now();
  const posted = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const due = startedAt + (n * 1_000) / RATE;
      await new Promise((next) => setTimeout(next, due - performance.now()));
      return send(n);
    }),
  );
  const ids = posted.map((one) => one.id);
  const seen = await untilSeen(pipeline.simulator, ids, 60_000);
  return posted.map(({ id, at }) => (seen.get(id)?.finishedAt ?? Number.NaN) - at);
}

export const latency: Part = { name: 'latency', text: 'from POST to the provider', run };
