import { startPipeline, waitFor } from '@mersal/testkit';
import { fillLedger } from '../fill-ledger.js';
import { viewLedger } from '../ledger-view.js';
import type { BenchContext, Part, Row } from '../part.js';
import { memoryOf } from '../process-stat.js';

const MOST_MB = 300;
const MOST_GROWTH = 1.2;

/** The sender's highest resident memory, in MB, while it sends out of so many waiting messages. */
async function highest(context: BenchContext, waiting: number): Promise<number> {
  const restaurants = Array.from({ length: 100 }, (_, n) => `restaurant-${n}`);
  const pipeline = await startPipeline({
    tenants: restaurants,
    senders: 0,
    latencyMs: 50,
    engines: context.engines,
  });
  const ledger = viewLedger(pipeline.database);
  try {
    await fillLedger(pipeline, ledger, waiting);
    const sender = await pipeline.startSender('sender-1');
    const least = context.quick ? 300 : 2_000;
    let sent = 0;
    await waitFor(async () => (sent = (await pipeline.simulator.stats()).accepted) >= least, {
      timeoutMs: 180_000,
      intervalMs: 500,
      describe: () => `${least} messages at the provider; there are ${sent}`,
    });
    return memoryOf(sender.pid).highest;
  } finally {
    await ledger.close();
    await pipeline.stop();
  }
}

async function run(context: BenchContext): Promise<Row[]> {
  const [few, many] = context.quick ? [5_000, 50_000] : [50_000, 500_000];
  const base = await highest(context, few);
  const deep = await highest(context, many);
  return [
    {
      what: `memory of a sender with ${many} waiting, highest RSS`,
      target: `≤ ${MOST_MB} MB`,
      measured: `${deep.toFixed(0)} MB`,
      ratio: deep / MOST_MB,
      met: deep <= MOST_MB,
    },
    {
      what: `memory: ${many} waiting against ${few} (${base.toFixed(0)} MB)`,
      target: `≤ ${MOST_GROWTH} ×`,
      measured: `${deep.toFixed(0)} MB`,
      ratio: deep / base,
      met: deep <= MOST_GROWTH * base,
    },
  ];
}

export const memory: Part = { name: 'memory', text: 'memory does not grow with the backlog', run };
