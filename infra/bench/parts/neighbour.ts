import { type Pipeline, startPipeline } from '@mersal/testkit';
import { type LedgerView, viewLedger } from '../ledger-view.js';
import { livePosts } from '../live-traffic.js';
import { publishBacklog } from '../load.js';
import type { BenchContext, Part, Row } from '../part.js';
import { median, percentile, spread } from '../spread.js';

const QUIET = ['quiet-0', 'quiet-1', 'quiet-2', 'quiet-3'];
const NEIGHBOUR = 'neighbour';
const WAITING = 20_000;

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
    await livePosts(alone, QUIET, 50);
    await livePosts(crowded, QUIET, 50);
    const p99 = { alone: [] as number[], beside: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      await ledger.pause(NEIGHBOUR, true);
      await fill(crowded, ledger);
      p99.alone.push(percentile(await livePosts(alone, QUIET, samples), 0.99));
      await ledger.pause(NEIGHBOUR, false);
      p99.beside.push(percentile(await livePosts(crowded, QUIET, samples), 0.99));
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

export const neighbour: Part = {
  name: 'neighbour',
  text: 'quiet restaurants beside one with much to send, alone and beside in turns',
  run,
};
