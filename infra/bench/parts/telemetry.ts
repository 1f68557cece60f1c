import { type Drained, drainStage } from '../drain.js';
import type { BenchContext, Part, Row } from '../part.js';
import { servePeer } from '../run-peer.js';
import { median, spread } from '../spread.js';

const MOST_COST = 0.1;

/** The same backlog with neither traces nor metrics, with metrics, and with every span exported; in turns. */
async function run(context: BenchContext): Promise<Row[]> {
  const rounds = context.quick ? 1 : 3;
  const size = context.quick ? { warmUp: 3_000, messages: 10_000 } : { warmUp: 10_000, messages: 30_000 };
  const sink = await servePeer('otlp-sink', []);
  const ways = {
    off: { OTEL_SDK_DISABLED: 'true' },
    metrics: {},
    traced: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}` },
    sampled: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.05',
    },
  } as const;
  const found = new Map<keyof typeof ways, Drained[]>();
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const [way, env] of Object.entries(ways) as [keyof typeof ways, Record<string, string>][]) {
        const one = await drainStage(context, {
          ...size,
          tenants: 10,
          conversationsEach: 1_000,
          env,
        });
        found.set(way, [...(found.get(way) ?? []), one]);
        context.say(
          `  round ${round + 1}, ${way}: ${one.perSecond.toFixed(0)}/s, ${one.senderUs.toFixed(0)} µs`,
        );
      }
  } finally {
    await sink.stop();
  }
  const rates = (way: keyof typeof ways): number[] => (found.get(way) ?? []).map((one) => one.perSecond);
  const cpu = (way: keyof typeof ways): number => median((found.get(way) ?? []).map((one) => one.senderUs));
  const off = median(rates('off'));
  const row = (way: keyof typeof ways, what: string): Row => {
    const ratio = median(rates(way)) / off;
    return {
      what: `${what} (off: ${spread(rates('off'))}/s, ${cpu('off').toFixed(0)} µs of CPU)`,
      target: `≥ ${1 - MOST_COST} ×`,
      measured: `${spread(rates(way))}/s, ${cpu(way).toFixed(0)} µs`,
      ratio,
      met: ratio >= 1 - MOST_COST,
    };
  };
  return [
    row('metrics', "the sender's throughput with metrics"),
    row('sampled', 'with metrics and one trace of twenty exported'),
    row('traced', 'with metrics and every span exported'),
  ];
}

export const telemetry: Part = {
  name: 'telemetry',
  text: 'what metrics and traces cost the sender',
  run,
};
