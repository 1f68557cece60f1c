import { drainStage } from '../drain.js';
import type { Part } from '../part.js';

export const alone: Part = {
  name: 'alone',
  text: 'throughput without its peers, for profiles',
  onlyNamed: true,
  run: async (context) => {
    const size = context.quick ? { warmUp: 3_000, messages: 10_000 } : { warmUp: 10_000, messages: 40_000 };
    const { perSecond, ...detail } = await drainStage(context, {
      ...size,
      tenants: 10,
      conversationsEach: 1_000,
    });
    const cost = `${detail.senderUs.toFixed(0)} + ${detail.postgresUs.toFixed(0)} + ${detail.kafkaUs.toFixed(0)} µs`;
    return [
      {
        what: 'throughput; CPU of sender, Postgres, Kafka a message',
        target: '',
        measured: `${perSecond.toFixed(0)}/s; ${cost}; ${detail.walBytes.toFixed(0)} B of WAL`,
        met: null,
        detail,
      },
    ];
  },
};
