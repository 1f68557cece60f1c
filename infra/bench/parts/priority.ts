import { startPipeline } from '@mersal/testkit';
import { post } from '../../pipeline/test/api.js';
import { customer } from '../../pipeline/test/orders.js';
import { viewLedger } from '../ledger-view.js';
import { publishBacklog } from '../load.js';
import { untilSeen, wallClock } from '../moments.js';
import type { BenchContext, Part, Row } from '../part.js';
import { spread } from '../spread.js';

const LIMIT_MS = 2_000;
const URGENT = 10;

async function run(context: BenchContext): Promise<Row[]> {
  const waiting = context.quick ? 10_000 : 50_000;
  const pipeline = await startPipeline({ tenants: ['busy'], latencyMs: 50, engines: context.engines });
  const ledger = viewLedger(pipeline.database);
  try {
    await publishBacklog(pipeline, { messages: waiting, conversationsEach: 1_000 });
    await ledger.untilFiled(waiting, 180_000);
    const took: number[] = [];
    for (let n = 0; n < URGENT; n += 1) {
      const at = wallClock();
      const id = await post(pipeline, pipeline.tenant('busy'), {
        phoneNumber: customer(500_000 + n),
        text: 'urgent',
        priority: 10,
      });
      const seen = await untilSeen(pipeline.simulator, [id], 30_000);
      took.push((seen.get(id)?.receivedAt ?? Number.NaN) - at);
    }
    const [row] = await ledger.query<{ waiting: number }>(
      'select count(*)::int as waiting from message where state = 0',
    );
    return [
      {
        what: `priority 10 behind ${row?.waiting ?? 0} admitted of its own tenant: at the provider`,
        target: `≤ ${LIMIT_MS} ms`,
        measured: `${spread(took)} ms`,
        ratio: Math.max(...took) / LIMIT_MS,
        met: Math.max(...took) <= LIMIT_MS,
        detail: { took },
      },
    ];
  } finally {
    await ledger.close();
    await pipeline.stop();
  }
}

export const priority: Part = { name: 'priority', text: 'an urgent message passes a deep backlog', run };
