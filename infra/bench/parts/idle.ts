import { setTimeout as sleep } from 'node:timers/promises';
import { startPipeline } from '@mersal/testkit';
import type { BenchContext, Part, Row } from '../part.js';
import { cpuOf, cpuOfTree } from '../process-stat.js';

const SENDERS = 2;
/** Until what a start has to do is done, in ms. */
const SETTLE_MS = 30_000;

/** What a system costs that has nothing to do: in shares of one core. */
async function run(context: BenchContext): Promise<Row[]> {
  const pipeline = await startPipeline({
    tenants: Array.from({ length: 20 }, (_, n) => `restaurant-${n}`),
    senders: SENDERS,
    cacheMetrics: 1,
    engines: context.engines,
  });
  try {
    const pidsOf = (app: string): number[] =>
      [...pipeline.services].flatMap(([name, { pid }]) => (name.startsWith(app) ? [pid] : []));
    const used = (): Record<string, number> => ({
      [`${SENDERS} senders`]: pidsOf('sender-').reduce((sum, pid) => sum + cpuOf(pid), 0),
      'one ingress': pidsOf('ingress-').reduce((sum, pid) => sum + cpuOf(pid), 0),
      'one cache-metrics': pidsOf('cache-metrics-').reduce((sum, pid) => sum + cpuOf(pid), 0),
      Kafka: cpuOfTree(context.pids.kafka),
      Postgres: cpuOfTree(context.pids.postgres),
      Redis: cpuOfTree(context.pids.redis),
    });
    await sleep(SETTLE_MS);
    const [before, from] = [used(), performance.now()];
    await sleep(context.quick ? 10_000 : 30_000);
    const [after, us] = [used(), (performance.now() - from) * 1_000];
    return Object.entries(after).map(([what, now]) => ({
      what: `nothing to do: ${what}`,
      target: '',
      measured: `${(((now - (before[what] ?? 0)) / us) * 100).toFixed(1)} % of a core`,
      met: null,
    }));
  } finally {
    await pipeline.stop();
  }
}

export const idle: Part = { name: 'idle', text: 'what it costs to wait for work', run };
