import { type Head, MESSAGE, type Ownership } from '@mersal/ledger';
import type { MemoryLedger } from '@mersal/ledger/memory';
import type { TwilioGateway } from '@mersal/twilio-gateway';
import type { Theme } from './plan.js';

/** A bug put in on purpose, to see that the simulation finds it. */
export interface Plant {
  readonly name: string;
  /** Where to look first: a run that found it. */
  readonly seed: number;
  /** Where it shows soonest. */
  readonly theme?: Theme;
  /** What it breaks, as the violation's first word says it. */
  readonly breaks: RegExp;
  readonly ledger?: (ledger: MemoryLedger) => MemoryLedger;
  /** Instead of the sender's own, in ms. */
  readonly claimAgeMs?: number;
  readonly gateway?: (gateway: TwilioGateway) => TwilioGateway;
}

/** Takes every ownership for the newest one of its partition. */
function withoutFence(ledger: MemoryLedger): Pick<MemoryLedger, 'takeOwnership'> & {
  readonly newest: (own: Ownership) => Ownership;
} {
  const epochs = new Map<number, number>();
  return {
    newest: (own) => ({ ...own, epoch: epochs.get(own.partition) ?? own.epoch }),
    async takeOwnership(partition, member) {
      const own = await ledger.takeOwnership(partition, member);
      epochs.set(partition, own.epoch);
      return own;
    },
  };
}

/**
 * No bug, only bad luck: each partition is taken once more, by a request of a former owner that was long on its way. Its owner is to
 * notice by itself.
 */
export function lateTakes(ledger: MemoryLedger): MemoryLedger {
  const looks = new Map<number, number>();
  return {
    ...ledger,
    async wake(owned, most) {
      for (const { partition } of owned) {
        const look = (looks.get(partition) ?? 0) + 1;
        looks.set(partition, look);
        if (look === 5) await ledger.takeOwnership(partition, 'former');
      }
      return ledger.wake(owned, most);
    },
  };
}

/** Bugs at the borders of the engine. */
export const plants: readonly Plant[] = [
  {
    name: 'reconciliation without the wait for a dead sender',
    seed: 2134,
    theme: 'anything',
    breaks: /^sent \d+ times|^untrue/,
    ledger: (ledger) => ({
      ...ledger,
      unknownMessages: async (partitions, most) =>
        (await ledger.unknownMessages(partitions, most)).map((one) => ({ ...one, orphaned: false })),
    }),
  },
  {
    name: 'a listing that failed passes for a whole one',
    seed: 105,
    theme: 'answers',
    breaks: /^sent \d+ times|^untrue/,
    gateway: (gateway) => ({
      ...gateway,
      list: async (account, filter) => ({ ...(await gateway.list(account, filter)), complete: true }),
    }),
  },
  {
    name: 'an unknown outcome is simply tried again',
    seed: 11,
    breaks: /^sent \d+ times/,
    ledger: (ledger) => ({
      ...ledger,
      settle: (settlements) =>
        ledger.settle(
          settlements.map((one) =>
            one.state === MESSAGE.unknown ? { ...one, state: MESSAGE.waiting, onward: 0, event: null } : one,
          ),
        ),
    }),
  },
  {
    name: 'an answer to former credentials suspends',
    seed: 39,
    breaks: /^suspended/,
    ledger: (ledger) => ({
      ...ledger,
      settle: (settlements) =>
        ledger.settle(
          settlements.map((one) => ({
            ...one,
            effects: one.effects?.map((effect) =>
              effect.kind === 'suspend' ? { ...effect, credentials: null } : effect,
            ),
          })),
        ),
    }),
  },
  {
    name: 'a settlement counts for whichever attempt is under way',
    seed: 59,
    theme: 'answers',
    breaks: /^fence/,
    ledger: (ledger) => {
      const newest = new Map<string, number>();
      return {
        ...ledger,
        async claim(owned, candidates, limits) {
          const answer = await ledger.claim(owned, candidates, limits);
          for (const { tenant, u, attempt } of answer.claims) newest.set(`${tenant}/${u}`, attempt);
          return answer;
        },
        settle: (settlements) =>
          ledger.settle(
            settlements.map((one) => ({
              ...one,
              attempt: newest.get(`${one.tenant}/${one.u}`) ?? one.attempt,
            })),
          ),
      };
    },
  },
  {
    name: 'a claim never becomes too old',
    seed: 1825,
    breaks: /^sent \d+ times|^untrue|at once/,
    claimAgeMs: Number.POSITIVE_INFINITY,
  },
  {
    name: 'an owner is not told that its partition was taken',
    seed: 1,
    breaks: /^lost|^not over/,
    ledger: (ledger) => ({ ...lateTakes(ledger), fenced: async () => [] }),
  },
  {
    name: 'former owners admit',
    seed: 2,
    breaks: /^fence/,
    ledger: (ledger) => {
      const { newest, takeOwnership } = withoutFence(ledger);
      return {
        ...ledger,
        takeOwnership,
        admitSends: (own, range, messages, dead) => ledger.admitSends(newest(own), range, messages, dead),
        applyCallbacks: (own, ...rest) => ledger.applyCallbacks(newest(own), ...rest),
      };
    },
  },
  {
    name: 'former owners claim',
    seed: 28,
    breaks: /^fence/,
    ledger: (ledger) => {
      const { newest, takeOwnership } = withoutFence(ledger);
      return {
        ...ledger,
        takeOwnership,
        claim: (owned, candidates, limits) => ledger.claim(owned.map(newest), candidates, limits),
      };
    },
  },
  {
    name: 'claims for instants of a former rate group',
    seed: 257,
    theme: 'changeover',
    breaks: /requests within/,
    ledger: (ledger) => ({
      ...ledger,
      claim: (owned, candidates, limits) =>
        ledger.claim(owned, candidates, { ...limits, rateEpoch: undefined }),
    }),
  },
  {
    name: 'one slot too many',
    seed: 36,
    breaks: /requests of .* at once/,
    ledger: (ledger) => ({
      ...ledger,
      ensureSlots: (tenants, concurrency) => ledger.ensureSlots(tenants, concurrency + 1),
      claim: (owned, candidates, limits) =>
        ledger.claim(owned, candidates, { ...limits, concurrency: limits.concurrency + 1 }),
    }),
  },
  {
    name: 'a conversation goes on while its head is tried again',
    seed: 6,
    breaks: /^out of order/,
    ledger: (ledger) => ({
      ...ledger,
      settle: (settlements) =>
        ledger.settle(
          settlements.map((one) => (one.state === MESSAGE.retrying ? { ...one, onward: 'advance' } : one)),
        ),
    }),
  },
  {
    name: 'leases that ended are not looked for',
    seed: 4,
    breaks: /^lost|^not over/,
    ledger: (ledger) => ({ ...ledger, overdueClaims: async () => [] }),
  },
  {
    name: 'events are forgotten before they are published',
    seed: 22,
    breaks: /^untold/,
    ledger: (ledger) => ({
      ...ledger,
      async readOutbox(partitions, most) {
        const entries = await ledger.readOutbox(partitions, most);
        await ledger.forgetPublished(entries.map(({ n }) => n));
        return entries;
      },
    }),
  },
  {
    name: 'records that can not be read are dropped',
    seed: 4,
    breaks: /^poison/,
    ledger: (ledger) => ({
      ...ledger,
      admitSends: (own, range, messages) => ledger.admitSends(own, range, messages, []),
    }),
  },
  {
    name: 'who reads a range again is taken for dead',
    seed: 1003,
    breaks: /^lost/,
    ledger: (ledger) => {
      let readings = 0;
      return {
        ...ledger,
        // The answer to the first is lost, as to any that is asked again.
        noteRange: async (own, topic, first, single) => {
          await ledger.noteRange(own, topic, first, single, `${(readings += 1)}`);
          return ledger.noteRange(own, topic, first, single, `${(readings += 1)}`);
        },
      };
    },
  },
  {
    name: 'priorities upside down',
    seed: 4,
    theme: 'provider',
    breaks: /^priority/,
    ledger: (ledger) => {
      const turned = (heads: readonly Head[]): Head[] =>
        heads.map((head) => ({ ...head, priority: 10 - head.priority }));
      return {
        ...ledger,
        refill: async (tenants, most) => turned(await ledger.refill(tenants, most)),
        wake: async (owned, most) => turned(await ledger.wake(owned, most)),
        admitSends: async (own, range, messages, dead) =>
          turned(await ledger.admitSends(own, range, messages, dead)),
      };
    },
  },
  {
    name: 'a neighbour goes first',
    seed: 6,
    theme: 'nothing',
    breaks: /^fairness/,
    ledger: (ledger) => ({
      ...ledger,
      async claim(owned, candidates, limits) {
        const ready = await ledger.readyTenants(owned.map(({ partition }) => partition));
        const first = candidates.filter(({ tenant }) => tenant === 1 || !ready.includes(1));
        return ledger.claim(owned, first, limits);
      },
    }),
  },
];
