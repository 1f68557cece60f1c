import { mostWithin, startPipeline, waitFor, WireWatch } from '@mersal/testkit';
import { publishBacklog } from '../load.js';
import type { BenchContext, Part, Row } from '../part.js';

const LIMIT = 80;

async function run(context: BenchContext): Promise<Row[]> {
  const { messages, from, to, least } = context.quick
    ? { messages: 1_200, from: 2, to: 12, least: 760 }
    : { messages: 3_000, from: 2, to: 32, least: 2_280 };
  const pipeline = await startPipeline({
    tenants: Array.from({ length: 20 }, (_, n) => `restaurant-${n}`),
    senders: 0,
    latencyMs: 100,
    engines: context.engines,
  });
  let wire: WireWatch | undefined;
  try {
    await publishBacklog(pipeline, { messages, conversationsEach: 20 });
    wire = await WireWatch.start(Number(new URL(pipeline.simulator.url).port));
    await Promise.all([pipeline.startSender('sender-1'), pipeline.startSender('sender-2')]);
    let accepted = 0;
    await waitFor(async () => (accepted = (await pipeline.simulator.stats()).accepted) >= messages, {
      timeoutMs: 120_000,
      intervalMs: 500,
      describe: () => `${messages} messages at the provider; there are ${accepted}`,
    });
    const instants = await Promise.all(
      ['sender-1', 'sender-2'].map(async (name) => {
        const text = await (await fetch(`${pipeline.services.get(name)?.url}/metrics`)).text();
        return text.split('\n').filter((line) => /^mersal_(rate_instants|claims)_total/.test(line));
      }),
    );
    const moments = (await pipeline.simulator.requests())
      .map((request) => request.receivedAt)
      .toSorted((a, b) => a - b);
    const first = moments[0] ?? 0;
    const inWindow = moments.filter((at) => at >= first + from * 1_000 && at < first + to * 1_000).length;
    const most = mostWithin(moments, 1_000);
    const rows: Row[] = [
      {
        what: `rate: receipts in seconds ${from} to ${to}, two senders, backlog of ${messages}`,
        target: `≥ ${least}`,
        measured: String(inWindow),
        ratio: inWindow / (LIMIT * (to - from)),
        met: inWindow >= least,
        detail: { instants },
      },
      {
        what: 'rate: most receipts in any 1,000 ms, by the provider',
        target: `≤ ${LIMIT}`,
        measured: String(most),
        ratio: most / LIMIT,
        met: most <= LIMIT,
      },
    ];
    await wire?.stop();
    if (wire) {
      const mostOnWire = mostWithin(wire.at, 1_000);
      rows.push({
        what: 'rate: most requests in any 1,000 ms, on the wire',
        target: `≤ ${LIMIT}`,
        measured: `${mostOnWire} of ${wire.at.length}`,
        ratio: mostOnWire / LIMIT,
        met: mostOnWire <= LIMIT && wire.at.length >= messages,
      });
    }
    return rows;
  } finally {
    await wire?.stop();
    await pipeline.stop();
  }
}

export const rate: Part = { name: 'rate', text: 'the global rate is used and never passed', run };
