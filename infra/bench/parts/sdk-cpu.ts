import { startPipeline } from '@mersal/testkit';
import { drain } from '../drain.js';
import type { BenchContext, Part, Row } from '../part.js';
import { runPeer } from '../run-peer.js';
import { median, spread } from '../spread.js';

const MOST = 1.25;
/** Callbacks go nowhere on either side: they are work of their own, which the SDK alone does not have. */
const NOWHERE = 'http://127.0.0.1:9';

async function run(context: BenchContext): Promise<Row[]> {
  const rounds = context.quick ? 1 : 5;
  const { warmUp, messages } = context.quick
    ? { warmUp: 1_000, messages: 3_000 }
    : { warmUp: 3_000, messages: 10_000 };
  const sender: number[] = [];
  const sdk: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const pipeline = await startPipeline({
      tenants: Array.from({ length: 10 }, (_, n) => `restaurant-${n}`),
      senders: 0,
      latencyMs: 0,
      engines: context.engines,
    });
    try {
      const env = { TWILIO_MAX_SOCKETS: '100', PUBLIC_URL: NOWHERE };
      const drained = await drain(context, pipeline, { conversationsEach: 500, warmUp, messages, env });
      sender.push(drained.senderUs);
      const { accountSid, authToken, fromNumber } = pipeline.tenant('restaurant-0');
      const alone = await runPeer<{ usPerMessage: number }>(
        'sdk',
        [pipeline.simulator.url, accountSid, authToken, fromNumber, messages, warmUp, `${NOWHERE}/status`],
        {},
      );
      sdk.push(alone.usPerMessage);
    } finally {
      await pipeline.stop();
    }
  }
  const ratio = median(sender) / median(sdk);
  return [
    {
      what: `CPU a message in the sender, SDK in the path (the SDK alone: ${spread(sdk)} µs)`,
      target: `≤ ${MOST} ×`,
      measured: `${spread(sender)} µs`,
      ratio,
      met: ratio <= MOST,
    },
  ];
}

export const sdkCpu: Part = { name: 'sdk-cpu', text: 'what the sender costs above the SDK', run };
