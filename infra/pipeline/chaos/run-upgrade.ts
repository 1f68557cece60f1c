import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chaosCommand, chaosFlags, QUIET_MS, sayer } from './chaos-command.js';
import { inTurn } from './cluster-plan.js';
import { releaseOf } from './release.js';
import { seeded } from './seeded.js';
import { PER_SECOND, upgradePlan } from './upgrade-plan.js';

/*
 * npm run chaos:upgrade: the release of an earlier commit and this one side by side, under load.
 */
const { values } = parseArgs({
  options: {
    ...chaosFlags,
    /** The release before: any commit of this repository. */
    from: { type: 'string', default: 'HEAD~1' },
  },
});
const seed = Number(values.seed);
const next = fileURLToPath(new URL('../../../', import.meta.url));
const before = releaseOf(values.from, sayer(values));
const { plan, messages } = inTurn(upgradePlan({ before: before.path, next }), 5 * PER_SECOND, seeded(seed));

await chaosCommand(
  values,
  `upgrade from ${before.sha.slice(0, 12)} to this tree: seed ${seed}, ${messages} messages, ${PER_SECOND} a second`,
  `npm run chaos:upgrade -- --seed ${seed} --from ${before.sha.slice(0, 12)}`,
  {
    seed,
    messages,
    plan,
    release: before.path,
    pairs: true,
    perSecond: PER_SECOND,
    senders: 3,
    tenants: 12,
    // Three times what it takes on two cores.
    deadlineMs: 300_000 + messages * 150 + QUIET_MS,
  },
);
