import { setTimeout as sleep } from 'node:timers/promises';
import { startPipeline, waitFor } from '@mersal/testkit';
import { viewLedger } from '../ledger-view.js';
import { publishBacklog } from '../load.js';
import { wallClock } from '../moments.js';
import type { BenchContext, Part, Row } from '../part.js';
import { spread } from '../spread.js';

const TENANTS = 24;
/** Of kafkajs' group, in ms: as packages/kafka sets it. */
const SESSION_TIMEOUT_MS = 10_000;
const ALLOWED_MS = SESSION_TIMEOUT_MS + 3_000;

/** The longest of all restaurants of a killed sender until one of their messages reaches the provider, in ms. */
async function killOne(context: BenchContext): Promise<number> {
  const pipeline = await startPipeline({
    tenants: Array.from({ length: TENANTS }, (_, n) => `restaurant-${n}`),
    senders: 2,
    latencyMs: 50,
    engines: context.engines,
  });
  const ledger = viewLedger(pipeline.database);
  try {
    await publishBacklog(pipeline, { messages: 4_800, conversationsEach: 40 });
    await waitFor(async () => (await pipeline.simulator.stats()).accepted > 300, {
      timeoutMs: 60_000,
      describe: 'both senders to be at work',
    });
    const orphans = await ledger.query<{ account_sid: string }>(
      "select t.account_sid from tenant t join owner o on o.partition = t.partition where o.member = 'sender-2'",
    );
    if (orphans.length === 0) throw new Error('sender-2 owns no restaurant: nothing can be measured');
    const killedAt = wallClock();
    pipeline.services.get('sender-2')?.signal('SIGKILL');
    await sleep(ALLOWED_MS + 7_000);
    // What was on the wire when it died came from the dead, not from its heir.
    const after = (await pipeline.simulator.requests()).filter((one) => one.receivedAt > killedAt + 100);
    const waits = orphans.map(({ account_sid }) => {
      const moments = after.filter((one) => one.account === account_sid).map((one) => one.receivedAt);
      return Math.min(...moments) - killedAt;
    });
    return Math.max(...waits);
  } finally {
    await ledger.close();
    await pipeline.stop();
  }
}

async function run(context: BenchContext): Promise<Row[]> {
  const took: number[] = [];
  for (let round = 0; round < (context.quick ? 1 : 3); round += 1) took.push(await killOne(context));
  return [
    {
      what: 'a sender killed with -9: until messages of all its restaurants move again',
      target: `≤ ${ALLOWED_MS} ms`,
      measured: `${spread(took)} ms`,
      ratio: Math.max(...took) / ALLOWED_MS,
      met: Math.max(...took) <= ALLOWED_MS,
    },
  ];
}

export const takeover: Part = { name: 'takeover', text: 'a killed sender’s partitions go on elsewhere', run };
