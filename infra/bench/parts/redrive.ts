import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { type LedgerView, viewLedger } from '../ledger-view.js';
import { livePosts } from '../live-traffic.js';
import { publishBacklog } from '../load.js';
import type { BenchContext, Part, Row } from '../part.js';
import { percentile } from '../spread.js';

const QUIET = ['quiet-0', 'quiet-1', 'quiet-2', 'quiet-3'];
const DEAD = 'much-dead';
const LONGEST_S = 60;

/** Dead messages of one restaurant come back beside the live ones of others, and of its own. */
async function run(context: BenchContext): Promise<Row[]> {
  const { letters, samples } = context.quick
    ? { letters: 1_000, samples: 100 }
    : { letters: 10_000, samples: 1_000 };
  const pipeline = await startPipeline({
    tenants: [...QUIET, DEAD],
    latencyMs: 50,
    engines: context.engines,
  });
  const ledger = viewLedger(pipeline.database);
  try {
    await livePosts(pipeline, QUIET, 50);
    const alone = await livePosts(pipeline, QUIET, samples);
    const ownAlone = await livePosts(pipeline, [DEAD], samples / 4);
    await bury(pipeline, ledger, letters);
    const startedAt = performance.now();
    const command = pipeline.mersal('dead', 'redrive', '--all', '--restaurant', DEAD, '--json');
    const back = untilBack(ledger).then(() => (performance.now() - startedAt) / 1_000);
    const beside = await livePosts(pipeline, QUIET, samples);
    const seconds = await back;
    const tally = JSON.parse(await command) as { matched: number; sent: number; skipped: number };
    const ownBeside = await livePosts(pipeline, [DEAD], samples / 4);
    const [base, during] = [percentile(alone, 0.99), percentile(beside, 0.99)];
    const [ownBase, ownDuring] = [percentile(ownAlone, 0.99), percentile(ownBeside, 0.99)];
    const limit = Math.max(1.5 * base, base + 25);
    return [
      {
        what: `${letters} dead letters put back (${tally.sent} sent, ${tally.skipped} skipped)`,
        target: `≤ ${LONGEST_S} s`,
        measured: `${seconds.toFixed(1)} s`,
        met: seconds <= LONGEST_S && tally.sent === letters,
      },
      {
        what: `live p99 of other restaurants meanwhile (before: ${base.toFixed(0)} ms)`,
        target: `≤ ${limit.toFixed(0)} ms`,
        measured: `${during.toFixed(0)} ms`,
        ratio: during / base,
        met: during <= limit,
        detail: { base, during, samples },
      },
      {
        what: `live p99 of the restaurant itself, its redriven ones waiting (before: ${ownBase.toFixed(0)} ms)`,
        target: '',
        measured: `${ownDuring.toFixed(0)} ms`,
        ratio: ownDuring / ownBase,
        met: null,
        detail: { ownBase, ownDuring },
      },
    ];
  } finally {
    await ledger.close();
    await pipeline.stop();
  }
}

/** Files messages, and makes them what a refused attempt leaves behind. */
async function bury(pipeline: Pipeline, ledger: LedgerView, letters: number): Promise<void> {
  await ledger.pause(DEAD, true);
  const there = await ledger.filed();
  await publishBacklog(pipeline, { messages: letters, restaurants: [DEAD], conversationsEach: 500 });
  await ledger.untilFiled(there + letters, 120_000);
  await ledger.query('delete from lane using tenant t where t.id = lane.tenant and t.restaurant_id = $1', [
    DEAD,
  ]);
  await ledger.query(
    `update message m set state = 20, attempt = 1, error_class = 'content', error_code = 63016, changed_at = clock_timestamp(),
            dead_reason = 'provider_rejected'
       from tenant t where t.id = m.tenant and t.restaurant_id = $1 and m.state = 0`,
    [DEAD],
  );
  await ledger.query('vacuum analyze');
  await ledger.pause(DEAD, false);
}

async function untilBack(ledger: LedgerView): Promise<void> {
  let left = 0;
  await waitFor(
    async () => {
      const [row] = await ledger.query<{ n: number }>(
        'select count(*)::int as n from message where state = 20',
      );
      left = row?.n ?? 0;
      return left === 0;
    },
    { timeoutMs: 180_000, intervalMs: 250, describe: () => `${left} dead letters to be back` },
  );
}

export const redrive: Part = {
  name: 'redrive',
  text: 'dead letters come back beside live messages',
  run,
};
