import { LedgerError } from '../errors.js';
import type { Ledger } from '../ledger.js';
import { TOPIC_ROLES } from '../ownership/ownership.js';
import { STATE_NAMES } from '../messages/states-of.js';
import { MESSAGE } from '../states.js';
import type { Tenant } from '../tenants/tenants.js';
import { admitRedrives, admitRetries, admitSends } from './admission.js';
import { applyCallbacks } from './callbacks.js';
import { claim, ensureSlots } from './claim.js';
import { claimDirect, inQueue } from './direct.js';
import {
  decideUnknown,
  knownSids,
  leaveUndecided,
  listUnknown,
  overdueClaims,
  overdueDirect,
  releaseHeld,
  unknownMessages,
} from './doubts.js';
import { readVitals } from './vitals.js';
import { countDead, discardDead, keepUnfiled, listDead } from './dead-letters.js';
import { expire, finishUnsent, readyTenants, refill, republishStuckRetries, wake } from './due.js';
import { liftPause, runningPause, setPause } from './effects.js';
import { eventPlace, forgetPublished, hasEvent, readEvents } from './events.js';
import { admission, admittedOffset, heldOf, isOwner, noteRange, requireOwner } from './fences.js';
import { counts, entryOf, listMessages, viewOf } from './read.js';
import { prune } from './retention.js';
import { settle } from './settle.js';
import { listStuck, retryNow } from './stuck.js';
import { key, NOW, offsetKey, Tables } from './tables.js';

export type MemoryTenant = Pick<Tenant, 'id' | 'restaurantId' | 'partition' | 'accountSid'> & Partial<Tenant>;

export interface MemoryLedger extends Ledger {
  /** Adds a restaurant, or replaces it. */
  saveTenant(tenant: MemoryTenant): void;
  readTenants(restaurantIds: readonly string[]): Tenant[];
  readChangedTenants(since: string | null, most: number): Tenant[];
  /** The epoch that claims must carry, where they carry one. */
  onRateEpoch(epoch: () => number): void;
}

export interface MemoryLedgerOptions {
  readonly partitions: number;
  /** The database's clock, in ms since 1970. */
  readonly clock: () => number;
}

/** The ledger in memory: the same rules without Postgres. Each method is one step that nothing interrupts. */
export function createMemoryLedger({ partitions, clock }: MemoryLedgerOptions): MemoryLedger {
  const tables = new Tables(partitions, clock);
  const shown = (tenant: Tenant): Tenant => ({
    ...tenant,
    pausedUntil: runningPause(tables, { scope: 'tenant', tenant: tenant.id })?.until ?? null,
  });
  return {
    saveTenant(given) {
      tables.tenants.set(given.id, {
        name: given.restaurantId,
        authToken: 'secret',
        fromNumbers: ['whatsapp:+14155238886'],
        status: 'active',
        concurrency: null,
        ratePerSecond: null,
        onDead: 'skip',
        onUnknown: 'wait',
        pausedUntil: null,
        ...given,
        credentials: (tables.tenants.get(given.id)?.credentials ?? 0) + 1,
        changedAt: tables.changedAt(),
      });
    },
    readTenants: (ids) =>
      [...tables.tenants.values()].filter((tenant) => ids.includes(tenant.restaurantId)).map(shown),
    readChangedTenants: (since, most) =>
      [...tables.tenants.values()]
        .filter((tenant) => since === null || tenant.changedAt >= since)
        .toSorted((a, b) => (a.changedAt < b.changedAt ? -1 : 1))
        .slice(0, most)
        .map(shown),
    onRateEpoch(epoch) {
      tables.rateEpoch = epoch;
    },

    async takeOwnership(partition) {
      const owner = tables.owners.get(partition);
      if (!owner) throw new LedgerError('partition_count', `the ledger has no partition ${partition}`);
      const { clean } = owner;
      owner.epoch += 1;
      owner.clean = false;
      const [send, retry, callbacks] = TOPIC_ROLES.map((role) => admittedOffset(tables, partition, role));
      return {
        partition,
        epoch: owner.epoch,
        incarnation: tables.incarnation,
        clean,
        offsets: { send: send ?? 0n, retry: retry ?? 0n, callbacks: callbacks ?? 0n },
      };
    },
    passEnded: async () => [],
    fenced: async (owned) => owned.filter((own) => !isOwner(tables, own)),
    async giveBack(own) {
      const owner = tables.owners.get(own.partition);
      if (owner && isOwner(tables, own)) owner.clean = true;
    },
    async skipToLogStart(own, topic, logStart) {
      if (admittedOffset(tables, own.partition, topic) >= logStart) return false;
      requireOwner(tables, own);
      tables.admitted.set(offsetKey(own.partition, topic), logStart);
      return true;
    },
    noteRange: async (own, topic, first, single, reader) =>
      noteRange(tables, own, topic, first, single, reader),

    async admitSends(own, range, messages, dead) {
      admission(tables, own, 'send', range, dead);
      return admitSends(tables, own, messages);
    },
    async admitRetries(own, range, retries, redrives, dead) {
      admission(tables, own, 'retry', range, dead);
      return [...admitRetries(tables, retries), ...admitRedrives(tables, redrives)];
    },
    async applyCallbacks(own, range, callbacks, rule, dead) {
      admission(tables, own, 'callbacks', range, dead);
      return applyCallbacks(tables, callbacks, rule);
    },

    readyTenants: async (owned) => readyTenants(tables, owned),
    readVitals: async (owned) => readVitals(tables, owned),
    refill: async (tenants, perTenant) => refill(tables, tenants, perTenant),
    wake: async (owned, most) => wake(tables, heldOf(tables, owned), most),
    expire: async (owned, most) => expire(tables, heldOf(tables, owned), most),

    async ensureSlots(tenants, concurrency) {
      ensureSlots(tables, tenants, concurrency);
    },
    claim: async (owned, candidates, limits) => claim(tables, owned, candidates, limits),
    claimDirect: async (message, limits) => claimDirect(tables, message, limits),
    settle: async (settlements) => settle(tables, settlements),
    overdueClaims: async (owned) => overdueClaims(tables, owned),
    inQueue: async (key) => inQueue(tables, key),
    overdueDirect: async () => overdueDirect(tables),
    unknownMessages: async (owned, most) => unknownMessages(tables, owned, most),
    listUnknown: async (tenant, most, after) => listUnknown(tables, tenant, most, after),
    knownSids: async (tenant, sids) => knownSids(tables, tenant, sids),
    leaveUndecided: async (tenant, u, attempt) => leaveUndecided(tables, tenant, u, attempt),
    decideUnknown: async (tenant, u, decision, given) => decideUnknown(tables, tenant, u, decision, given),
    releaseHeld: async (tenant, u) => releaseHeld(tables, tenant, u),
    republishStuckRetries: async (owned) => republishStuckRetries(tables, owned),

    listSuppressions: async (tenant, most, before = Number.POSITIVE_INFINITY) =>
      [...tables.suppressions]
        .filter(([id, row]) => id.startsWith(`${tenant}/`) && row.createdAt < before)
        .map(([, row]) => row)
        .toSorted((a, b) => b.createdAt - a.createdAt)
        .slice(0, most),
    liftSuppression: async (tenant, recipient) => tables.suppressions.delete(key(tenant, recipient)),
    readPauses: async () =>
      [...tables.pauses.values()]
        .filter(({ target }) => runningPause(tables, target))
        .map(({ target, begunAt, until, reason, by }) => ({ target, begunAt, until, reason, by })),
    async setPause(target, untilMs, reason, by) {
      setPause(tables, target, untilMs, reason, by);
    },
    liftPause: async (target) => liftPause(tables, target),

    readOutbox: async (owned, most) =>
      tables.outbox
        .filter((row) => owned.includes(row.partition))
        .slice(0, most)
        .map((row) => entryOf(tables, row)),
    readOrphanedOutbox: async (olderThanMs, most) =>
      tables.outbox
        .filter((row) => row.at < tables.clock() - olderThanMs)
        .slice(0, most)
        .map((row) => entryOf(tables, row)),
    async forgetPublished(numbers) {
      forgetPublished(tables, numbers);
    },
    readEvents: async (feeds, most) => readEvents(tables, feeds, most),
    eventPlace: async (tenant) => eventPlace(tables, tenant, null),
    async readMessageAndPlace(tenant, u) {
      const message = tables.message(tenant, u);
      return message && { view: viewOf(tables, message), place: eventPlace(tables, tenant, u) };
    },
    hasEvent: async (tenant, n) => hasEvent(tables, tenant, n),
    readDeadRecords: async (owned, most) =>
      [...tables.dead.values()].filter((row) => owned.includes(row.partition)).slice(0, most),
    async forgetDeadRecords(numbers) {
      for (const [id, row] of tables.dead) {
        if (!numbers.includes(row.n)) continue;
        tables.dead.delete(id);
        keepUnfiled(tables, row);
      }
    },

    listDead: async (filter, page) => listDead(tables, filter, page),
    countDead: async (filter) => countDead(tables, filter),
    discardDead: async (letters) => discardDead(tables, letters),
    statesOf: async (keys) =>
      keys.map(({ tenant, u }) => {
        const message = tables.message(tenant, u);
        return message && STATE_NAMES.get(message.state);
      }),
    listStuck: async (tenant, olderThanMs, most) => listStuck(tables, tenant, olderThanMs, most),
    retryNow: async (tenant, u) => retryNow(tables, tenant, u),

    async cancel(tenant, u, tag) {
      const known = tables.message(tenant, u);
      if (known) {
        const ended = known.state === MESSAGE.cancelled || finishUnsent(tables, known, 'cancelled');
        return ended ? 'cancelled' : 'not_cancellable';
      }
      const partition = tables.tenants.get(tenant)?.partition;
      if (partition === undefined) return 'not_cancellable';
      const now = Math.trunc(tables.clock());
      tables.messages.set(key(tenant, u), {
        tenant,
        u,
        tag,
        partition,
        lane: '0',
        conversation: '',
        priority: 0,
        sender: '',
        recipient: '',
        seq: 0,
        state: MESSAGE.cancelled,
        due: NOW,
        expiresAt: null,
        redrive: 0,
        attempt: 0,
        retries: 0,
        acceptedAt: now,
        changedAt: now,
        accountSid: null,
        sid: null,
        errorClass: null,
        errorCode: null,
        bodyHash: null,
        erased: false,
        queued: true,
        deadReason: null,
        discardedAt: null,
        redrivenAt: null,
      });
      return 'cancelled';
    },
    async readMessage(tenant, u) {
      const message = tables.message(tenant, u);
      return message && viewOf(tables, message);
    },
    listMessages: async (tenant, query) => listMessages(tables, tenant, query),
    admittedOffset: async (partition, topic) => admittedOffset(tables, partition, topic),
    counts: async () => counts(tables),
    prune: async (retention, most) => prune(tables, retention, most),
    // Nothing is kept beside the messages themselves.
    foldTally: async () => 0,
    async close() {},
  };
}
