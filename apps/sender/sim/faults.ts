import type { Kafka } from './kafka.js';
import type { LedgerServer } from './ledger-server.js';
import type { Plan } from './plan.js';
import type { Random } from './random.js';
import type { Redis } from './rate-server.js';
import type { SenderProcess } from './sender-process.js';
import type { Story } from './story.js';

export interface Targets {
  readonly plan: Plan;
  readonly server: LedgerServer;
  readonly kafka: Kafka;
  readonly redis: Redis;
  readonly story: Story;
  readonly random: Random;
  senders(): readonly SenderProcess[];
  startSender(): void;
}

/**
 * Wall clocks are off by this at most, in ms: evidence is looked for within 5 s of the sender's own times, and due times
 * are its own, so a clock that is off by more makes both wrong.
 */
const LARGEST_SKEW_MS = 2_000;

type Fault = (targets: Targets, sender: SenderProcess | undefined) => void;

/** One sees Redis no more, another does not hear that the rate is kept in another way since. */
const CHANGEOVER: readonly [Fault, number] = [
  (targets, sender) => {
    const { redis, server, random, story } = targets;
    const deaf = targets.senders().find(({ host }) => !host.isDead && host !== sender?.host);
    if (!sender || !deaf) return;
    const until = server.timeline.now + random.between(4_000, 15_000);
    redis.away.set(sender.host.name, until);
    redis.deaf.set(deaf.host.name, until);
    story.tell('redis', `goes away from ${sender.host.name}, and ${deaf.host.name} does not hear of it`);
  },
  3,
];

const faults: readonly (readonly [Fault, number])[] = [
  [
    // Between any two steps: at a moment, or right before one of its next calls.
    ({ random }, sender) => {
      if (random.chance(0.5)) sender?.host.crash();
      else sender?.host.crashAtCall(random.whole(0, 40));
    },
    5,
  ],
  [
    ({ random }, sender) =>
      sender?.freeze(
        random.weighted([
          [random.between(50, 3_000), 9],
          [random.between(3_000, 25_000), 9],
          [random.between(65_000, 110_000), 2],
        ]),
      ),
    4,
  ],
  [
    // Past its lease, and mostly past the decision on it: what it goes on with then is too old.
    ({ random }, sender) => {
      const ms = random.weighted([
        [random.between(2_000, 20_000), 1],
        [random.between(65_000, 110_000), 1],
      ]);
      sender?.host.freezeOnClaim(() => sender.freeze(ms));
    },
    2,
  ],
  CHANGEOVER,
  [(_, sender) => sender?.stop(), 2],
  [(targets) => targets.startSender(), 2],
  [({ kafka }) => kafka.rebalanceSoon(), 3],
  [
    ({ kafka, story, random, server }) => {
      kafka.weather.awayUntil = server.timeline.now + random.between(200, 5_000);
      story.tell('kafka', 'goes away');
    },
    1,
  ],
  [
    ({ server, story, random }) => {
      server.weather.awayUntil = server.timeline.now + random.between(100, 4_000);
      story.tell('ledger', 'goes away');
    },
    2,
  ],
  [
    ({ redis, server, random, story }, sender) => {
      if (!sender) return;
      redis.away.set(sender.host.name, server.timeline.now + random.between(100, 15_000));
      story.tell('redis', `goes away from ${sender.host.name}`);
    },
    3,
  ],
  [
    ({ redis, story }) => {
      redis.log = undefined;
      story.tell('redis', 'is flushed');
    },
    1,
  ],
  [
    ({ random, story }, sender) => {
      if (!sender) return;
      sender.host.skew = random.between(-1, 1) * random.pick([50, LARGEST_SKEW_MS]);
      story.tell(sender.host.name, `wall clock jumps: ${Math.round(sender.host.skew)} ms off`);
    },
    2,
  ],
];

/** Lets faults happen at random moments until everything is healed. */
export function startFaults(targets: Targets): void {
  const { plan, server, kafka, random } = targets;
  if (plan.theme === 'nothing' || plan.theme === 'provider') return;
  const unreliable = plan.theme === 'anything' && random.chance(0.6);
  if (unreliable) {
    server.weather.failBefore = random.pick([0, 0.01, 0.05]);
    server.weather.failAfter = random.pick([0, 0.01, 0.05]);
    server.weather.slowMs = random.pick([0, 0, 200, 2_500]);
    kafka.weather.loses = random.pick([0, 0.1]);
    kafka.weather.lands = random.pick([0, 0.1]);
    kafka.weather.doubles = random.pick([0, 0.1]);
    kafka.weather.astray = random.pick([0, 0.1]);
  }
  kafka.weather.untold = random.pick([0, 0.2, 0.5]);
  if (plan.theme === 'answers') server.lostSettlements = 0.3;
  const kinds =
    plan.theme === 'changeover' ? [CHANGEOVER] : random.shuffle(faults).slice(0, random.whole(1, 6));
  const everyMs = plan.theme === 'changeover' ? 1_500 : random.pick([800, 3_000, 10_000]);
  const next = (): void => {
    const wait = random.between(0, 2 * everyMs);
    if (server.timeline.now + wait >= plan.healAt) return;
    server.timeline.after(wait, () => {
      const alive = targets.senders().filter((sender) => !sender.host.isDead);
      random.weighted(kinds)(targets, alive.length === 0 ? undefined : random.pick(alive));
      next();
    });
  };
  next();
}
