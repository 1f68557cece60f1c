import { drainStage } from '../drain.js';
import type { Part } from '../part.js';

export const ours: Part = {
  name: 'ours',
  text: 'throughput alone',
  run: async (context) => {
    const size = context.quick ? { warmUp: 3_000, messages: 10_000 } : { warmUp: 10_000, messages: 40_000 };
    const one = await drainStage(context, { ...size, tenants: 10, conversationsEach: 1_000 });
    context.say(JSON.stringify(one));
    return [];
  },
};
