import { type Pipeline, startPipeline } from '@mersal/testkit';
import { post } from '../../pipeline/test/api.js';
import { customer, orderText } from '../../pipeline/test/orders.js';
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
    const loaded = await atRate(pipeline, send, RATE * seconds);
    const [p50, p99] = [percentile(unloaded, 0.5), percentile(unloaded, 0.99)];
    return [
      latencyRow('POST → request at the provider, unloaded, p50', p50, 30),
      latencyRow('POST → request at the provider, unloaded, p99', p99, 100),
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

type Send = (n: number) => Promise<{ id: string; at: number }>;

async function oneByOne(pipeline: Pipeline, send: Send, count: number): Promise<number[]> {
  const posted: { id: string; at: number }[] = [];
  for (let n = 0; n < count; n += 1) {
    posted.push(await send(n));
    // Not in step with anything that repeats: every phase of the sender's own rhythms is met.
    await new Promise((next) => setTimeout(next, 60 + ((n * 37) % 83)));
  }
  const ids = posted.map((one) => one.id);
  const seen = await untilSeen(pipeline.simulator, ids, 30_000);
  return posted.map(({ id, at }) => (seen.get(id)?.receivedAt ?? Number.NaN) - at);
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
