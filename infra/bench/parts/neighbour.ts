import { type Pipeline, startPipeline } from '@mersal/testkit';
import { post } from '../../pipeline/test/api.js';
import { customer, orderText } from '../../pipeline/test/orders.js';
import { type LedgerView, viewLedger } from '../ledger-view.js';
import { publishBacklog } from '../load.js';
import { untilSeen, wallClock } from '../moments.js';
import type { BenchContext, Part, Row } from '../part.js';
import { median, percentile, spread } from '../spread.js';

const QUIET = ['quiet-0', 'quiet-1', 'quiet-2', 'quiet-3'];
const NEIGHBOUR = 'neighbour';
const WAITING = 20_000;
/** Between two posts of all quiet restaurants together, in ms. */
const PACE_MS = 50;

/** Two pipelines of the same engines: in one the neighbour has its backlog, in the other it has none. */
async function run(context: BenchContext): Promise<Row[]> {
  const { rounds, samples } = context.quick ? { rounds: 2, samples: 200 } : { rounds: 5, samples: 1_000 };
  const open = (): Promise<Pipeline> =>
    startPipeline({ tenants: [...QUIET, NEIGHBOUR], latencyMs: 50, engines: context.engines });
  const alone = await open();
  const crowded = await open().catch(async (error: unknown) => {
    await alone.stop();
    throw error;
  });
  const ledger = viewLedger(crowded.database);
  try {
    await measure(alone, 50);
    await measure(crowded, 50);
    const p99 = { alone: [] as number[], beside: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      await ledger.pause(NEIGHBOUR, true);
      await fill(crowded, ledger);
      p99.alone.push(percentile(await measure(alone, samples), 0.99));
      await ledger.pause(NEIGHBOUR, false);
      p99.beside.push(percentile(await measure(crowded, samples), 0.99));
      context.say(
        `  round ${round + 1}: p99 alone ${p99.alone.at(-1)?.toFixed(0)} ms, beside the neighbour ${p99.beside.at(-1)?.toFixed(0)} ms`,
      );
    }
    const base = median(p99.alone);
    const limit = Math.max(1.5 * base, base + 25);
    const beside = median(p99.beside);
    return [
      {
        what: `quiet tenants' p99 beside a neighbour with ${WAITING} waiting (alone: ${spread(p99.alone)} ms)`,
        target: `≤ ${limit.toFixed(0)} ms`,
        measured: `${spread(p99.beside)} ms`,
        ratio: beside / base,
        met: beside <= limit,
        detail: { p99, samples },
      },
    ];
  } finally {
    await ledger.close();
    await Promise.all([alone.stop(), crowded.stop()]);
  }
}

/** Brings the neighbour's waiting messages up to the number. */
async function fill(pipeline: Pipeline, ledger: LedgerView): Promise<void> {
  const [row] = await ledger.query<{ waiting: number }>(
    'select count(*)::int as waiting from message m join tenant t on t.id = m.tenant where t.restaurant_id = $1 and m.state = 0',
    [NEIGHBOUR],
  );
  const missing = WAITING - (row?.waiting ?? 0);
  if (missing <= 0) return;
  const there = await ledger.filed();
  await publishBacklog(pipeline, { messages: missing, restaurants: [NEIGHBOUR], conversationsEach: 500 });
  await ledger.untilFiled(there + missing, 120_000);
}

/** Posts at a fixed pace; the times from before the POST to the request at the provider, in ms. */
async function measure(pipeline: Pipeline, samples: number): Promise<number[]> {
  const startedAt = performance.now();
  const posted = await Promise.all(
    Array.from({ length: samples }, async (_, n) => {
      const due = startedAt + n * PACE_MS;
      await new Promise((next) => setTimeout(next, due - performance.now()));
      const at = wallClock();
      const tenant = pipeline.tenant(QUIET[n % QUIET.length] as string);
      const id = await post(pipeline, tenant, { phoneNumber: customer(n), text: orderText(n) });
      return { id, at };
    }),
  );
  const seen = await untilSeen(
    pipeline.simulator,
    posted.map((one) => one.id),
    60_000,
  );
  return posted.map(({ id, at }) => (seen.get(id)?.receivedAt ?? Number.NaN) - at);
}

export const neighbour: Part = {
  name: 'neighbour',
  text: 'quiet restaurants beside one with much to send, alone and beside in turns',
  run,
};
