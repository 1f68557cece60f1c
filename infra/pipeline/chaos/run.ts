import { parseArgs } from 'node:util';
import { chaosCommand, chaosFlags, QUIET_MS } from './chaos-command.js';
import { planOf } from './plan.js';

const { values } = parseArgs({
  options: {
    ...chaosFlags,
    messages: { type: 'string', default: '5000' },
    senders: { type: 'string', default: '3' },
    tenants: { type: 'string', default: '12' },
  },
});
const [seed, messages] = [Number(values.seed), Number(values.messages)];
const [senders, tenants] = [Number(values.senders), Number(values.tenants)];

await chaosCommand(
  values,
  `chaos: seed ${seed}, ${messages} messages, ${senders} senders, ${tenants} restaurants`,
  `npm run chaos -- --seed ${seed} --messages ${messages}`,
  {
    seed,
    messages,
    plan: planOf(seed, messages),
    senders,
    tenants,
    // Three times what it takes on two cores.
    deadlineMs: 300_000 + messages * 150 + QUIET_MS,
  },
);
