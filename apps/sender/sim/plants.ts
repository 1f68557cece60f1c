import { MESSAGE } from '@mersal/ledger';
import type { MemoryLedger } from '@mersal/ledger/memory';
import type { TwilioGateway } from '@mersal/twilio-gateway';

/** A bug put in on purpose, to see that the simulation finds it. */
export interface Plant {
  readonly name: string;
  /** What it breaks, as the violation's first word says it. */
  readonly breaks: RegExp;
  readonly ledger?: (ledger: MemoryLedger) => MemoryLedger;
  readonly gateway?: (gateway: TwilioGateway) => TwilioGateway;
}

/** Bugs at the borders of the engine. Those inside it are planted by hand: see docs/decisions. */
export const plants: readonly Plant[] = [
  {
    name: 'reconciliation without the wait for a dead sender',
    breaks: /^sent \d+ times|^untrue/,
    ledger: (ledger) => ({
      ...ledger,
      unknownMessages: async (partitions, most) =>
        (await ledger.unknownMessages(partitions, most)).map((one) => ({ ...one, orphaned: false })),
    }),
  },
  {
    name: 'a listing that failed passes for a whole one',
    breaks: /^sent \d+ times|^untrue/,
    gateway: (gateway) => ({
      ...gateway,
      list: async (account, filter) => ({ ...(await gateway.list(account, filter)), complete: true }),
    }),
  },
  {
    name: 'an unknown outcome is simply tried again',
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
    name: 'one slot too many',
    breaks: /requests of .* at once/,
    ledger: (ledger) => ({
      ...ledger,
      ensureSlots: (tenants, concurrency) => ledger.ensureSlots(tenants, concurrency + 1),
      claim: (owned, candidates, limits) =>
        ledger.claim(owned, candidates, { ...limits, concurrency: limits.concurrency + 1 }),
    }),
  },
  {
    name: 'claims do not look at the epoch of the rate group',
    breaks: /requests within 1,000 ms/,
    ledger: (ledger) => ({
      ...ledger,
      claim: (owned, candidates, limits) =>
        ledger.claim(owned, candidates, { ...limits, rateEpoch: undefined }),
    }),
  },
];
