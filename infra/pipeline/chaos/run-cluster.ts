import { parseArgs } from 'node:util';
import { chaosCommand, chaosFlags, QUIET_MS } from './chaos-command.js';
import { clusterPlanOf, PER_SECOND, shortPlan, wholePlan } from './cluster-plan.js';

const { values } = parseArgs({
  options: {
    ...chaosFlags,
    /** The controller killed and all services restarted, and nothing else. */
    short: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const { plan, messages } = clusterPlanOf(seed, values.short ? shortPlan : wholePlan);

await chaosCommand(
  values,
  `chaos of three brokers: seed ${seed}, ${messages} messages, ${PER_SECOND} a second`,
  `npm run chaos:cluster -- --seed ${seed}${values.short ? ' --short' : ''}`,
  {
    seed,
    messages,
    plan,
    brokers: 3,
    pairs: true,
    perSecond: PER_SECOND,
    senders: 3,
    tenants: 12,
    // Three times what it takes on two cores.
    deadlineMs: 300_000 + messages * 100 + QUIET_MS,
  },
);
