import type { Database, Row, Statement } from './database.js';
import { LedgerError } from './errors.js';
import {
  forgetPublished,
  hasEvent,
  readEventPlace,
  readEvents,
  toEventPlace,
  toEvents,
} from './events/message-events.js';
import type { Ledger, QueueCounts, Range } from './ledger.js';
import { admitRedrives, admitRetries, lockLanesOf } from './messages/admit-retries.js';
import { admitSends, headsOf, noteKnown } from './messages/admit-sends.js';
import { GroupCommit } from './group-commit.js';
import { applyCallbacks, type CallbackBatch, type CallbackResult } from './messages/callbacks.js';
import { claimStatements, ensureSlots, toClaimAnswer } from './messages/claim.js';
import { claimDirect, inQueue } from './messages/direct.js';
import { type DeadRecord, fileDeadRecords } from './messages/dead-records.js';
import { countDead, discardDead, listDead, toDeadGroup, toDeadLetter } from './messages/dead-letters.js';
import { decideUnknown, listUnknown, releaseHeld, toUnknownEntry } from './messages/decide.js';
import { expiredMessages, finishUnsent, writeTombstone } from './messages/finish.js';
import {
  hasDue,
  promoteReopened,
  promoteScheduled,
  readyTenants,
  refill,
  toHeads,
  wakeLanes,
} from './messages/heads.js';
import {
  knownSids,
  leaveUndecided,
  overdueClaims,
  overdueDirect,
  republishStuckRetries,
  toUnknown,
  toUnknownMessage,
  unknownMessages,
} from './messages/leases.js';
import {
  readDeadRecords,
  readOrphanedOutbox,
  readOutbox,
  toDeadEntry,
  toOutboxEntry,
} from './messages/outbox.js';
import { countStates, readMessage, readMessageAndPlace, toMessageView } from './messages/read.js';
import { listMessages, toMessagePage } from './messages/list-messages.js';
import { queueCounts } from './messages/queue-counts.js';
import { passEnded } from './messages/pass-ended.js';
import { prunePage } from './messages/retention.js';
import { foldTally } from './messages/tally.js';
import { settleStatements, toSettled } from './messages/settle.js';
import { statesOf, toStateName } from './messages/states-of.js';
import { listStuck, retryNow, toStuck } from './messages/stuck.js';
import { discardUnfiled, forgetDeadRecords } from './messages/unfiled.js';
import { readVitals, toVitals } from './messages/vitals.js';
import {
  advanceOffset,
  giveBack,
  lockOwned,
  type Ownership,
  readAdmitted,
  readHeld,
  requireOwner,
  skipToLogStart,
  takeOwnership,
  type TopicRole,
} from './ownership/ownership.js';
import { forgetNotes, noteRange } from './ownership/range-notes.js';
import { liftPause, readPauses, setPause, toPause, touchTenant, wakePausedLanes } from './pauses/pauses.js';
import { MESSAGE } from './states.js';
import { liftSuppression, listSuppressions, toSuppression } from './suppressions/suppressions.js';

/** The ledger in Postgres: a statement a file, put together to transactions here. */
export function createPostgresLedger(database: Database): Ledger {
  /*
   * What comes from Kafka is committed with the offset up to which it was read, so where the server loses one it loses both, and
   * the records are read again. A claim waits for the disk, and with it for all that it claims.
   */
  const READ_AGAIN = { mayBeLost: true } as const;
  /** They come from every partition, few at a time, and are in no hurry. */
  const callbackGroup = new GroupCommit<CallbackBatch, CallbackResult[]>({
    run: (batches) => applyCallbacks(database, batches, READ_AGAIN),
    lingerMs: 10,
    most: 64,
  });
  /** What every admission begins with: the fence, the offset, the records that can't be filed. */
  const admission = (
    own: Ownership,
    topic: TopicRole,
    range: Range,
    dead: readonly DeadRecord[],
  ): Statement[] => [
    requireOwner(own),
    advanceOffset(own, topic, range.first, range.next),
    ...(own.clean ? [] : [forgetNotes(own, topic, range.next)]),
    ...(dead.length > 0 ? [fileDeadRecords(own, dead)] : []),
  ];

  return {
    async takeOwnership(partition, member) {
      const [taken, offsets] = await database.transaction([
        takeOwnership(partition, member),
        readAdmitted(partition),
      ]);
      const row = taken?.[0];
      if (!row) throw new LedgerError('partition_count', `the ledger has no partition ${partition}`);
      const next = new Map(
        (offsets ?? []).map((o) => [o['topic'] as string, BigInt(o['next_offset'] as string)]),
      );
      return {
        partition,
        epoch: Number(row['epoch']),
        incarnation: row['incarnation'] as string,
        clean: row['clean'] as boolean,
        offsets: {
          send: next.get('send') ?? 0n,
          retry: next.get('retry') ?? 0n,
          callbacks: next.get('callbacks') ?? 0n,
        },
      };
    },
    async fenced(owned) {
      if (owned.length === 0) return [];
      const held = new Set((await database.run(readHeld(owned))).map((row) => row['partition']));
      return owned.filter(({ partition }) => !held.has(partition));
    },
    async giveBack(own) {
      await database.run(giveBack(own));
    },
    async noteRange(own, topic, first, single, reader) {
      const [row] = await database.run(noteRange(own, topic, first, single, reader));
      if (!row) throw new LedgerError('fenced', `partition ${own.partition} has another owner`);
      return row['tries'] as number;
    },
    async skipToLogStart(own, topic, logStart) {
      const before = await database.run(readAdmitted(own.partition));
      const at = before.find((row) => row['topic'] === topic);
      if (at && BigInt(at['next_offset'] as string) >= logStart) return false;
      await database.transaction([requireOwner(own), skipToLogStart(own, topic, logStart)]);
      return true;
    },

    async admitSends(own, range, messages, dead) {
      const statements = admission(own, 'send', range, dead);
      const at = statements.length;
      if (messages.length > 0) statements.push(admitSends(own, messages), noteKnown(own, messages));
      return headsOf((await database.transaction(statements, READ_AGAIN))[at] ?? []);
    },
    async admitRetries(own, range, retries, redrives, dead) {
      const statements = admission(own, 'retry', range, dead);
      const all = [...retries, ...redrives];
      if (all.length > 0)
        statements.push(
          lockLanesOf(
            all.map((r) => r.tenant),
            all.map((r) => r.u),
          ),
        );
      const at = statements.length;
      statements.push(admitRetries(retries), admitRedrives(redrives));
      const answers = await database.transaction(statements, READ_AGAIN);
      return toHeads(
        answers
          .slice(at)
          .flat()
          .filter((row) => row['ready'] === true),
      );
    },
    async applyCallbacks(own, range, callbacks, rule, dead) {
      const rest = admission(own, 'callbacks', range, dead).slice(1);
      return callbackGroup.call({ own, callbacks, rule, more: rest });
    },

    readyTenants: async (partitions) =>
      (await database.run(readyTenants(partitions))).map((row) => row['tenant'] as number),
    refill: async (tenants, perTenant) => toHeads(await database.run(refill(tenants, perTenant))),
    async wake(owned, most) {
      const [due] = await database.run(hasDue(owned.map((own) => own.partition)));
      if (due?.['due'] !== true) return [];
      const [, lanes, scheduled, reopened] = await database.transaction([
        lockOwned(owned),
        wakeLanes(owned, most),
        promoteScheduled(owned, most),
        promoteReopened(owned, most),
      ]);
      return toHeads([...(lanes ?? []), ...(scheduled ?? []), ...(reopened ?? [])]);
    },
    async expire(owned, most) {
      const partitions = owned.map((own) => own.partition);
      const rows = await database.run(expiredMessages(partitions, most));
      if (rows.length === 0) return 0;
      const tenants = rows.map((row) => row['tenant'] as number);
      const us = rows.map((row) => row['u'] as string);
      const [, , ended] = await database.transaction([
        lockOwned(owned),
        lockLanesOf(tenants, us),
        finishUnsent(tenants, us, 'expired', owned),
        lockLanesOf(tenants, us),
        passEnded(tenants, us),
      ]);
      return ended?.length ?? 0;
    },

    async passEnded(messages) {
      if (messages.length === 0) return [];
      const tenants = messages.map(({ tenant }) => tenant);
      const us = messages.map(({ u }) => u);
      const [, passed] = await database.transaction([lockLanesOf(tenants, us), passEnded(tenants, us)]);
      return toHeads(passed ?? []);
    },

    async ensureSlots(tenants, concurrency) {
      await database.run(ensureSlots(tenants, concurrency));
    },
    async claim(owned, candidates, limits) {
      if (candidates.length === 0) return { claims: [], fenced: [] };
      return toClaimAnswer(owned, await database.transaction(claimStatements(owned, candidates, limits)));
    },
    claimDirect: (message, limits) => claimDirect(database, message, limits),
    async settle(settlements) {
      if (settlements.length === 0) return [];
      const answers = await database.transaction(settleStatements(settlements));
      return toSettled(settlements, answers.at(-1) ?? []);
    },
    overdueClaims: async (partitions) => (await database.run(overdueClaims(partitions))).map(toUnknown),
    inQueue: async ({ tenant, u }) => (await database.run(inQueue(tenant, u)))[0]?.['taken'] === true,
    overdueDirect: async () => (await database.run(overdueDirect())).map(toUnknown),
    unknownMessages: async (partitions, most) =>
      (await database.run(unknownMessages(partitions, most))).map(toUnknownMessage),
    knownSids: async (tenant, sids) =>
      new Set((await database.run(knownSids(tenant, sids))).map((row) => row['sid'] as string)),
    async leaveUndecided(tenant, u, attempt) {
      const [, rows] = await database.transaction([
        lockLanesOf([tenant], [u]),
        leaveUndecided(tenant, u, attempt),
      ]);
      const [row] = rows ?? [];
      const [next] = toHeads((rows ?? []).filter((one) => one['ready'] === true));
      return { left: row !== undefined, ...(next ? { next } : {}) };
    },
    listUnknown: async (tenant, most, after) =>
      (await database.run(listUnknown(tenant, most, after))).map(toUnknownEntry),
    async decideUnknown(tenant, u, decision, given) {
      const [, rows] = await database.transaction([
        lockLanesOf([tenant], [u]),
        decideUnknown(tenant, u, decision, given),
      ]);
      return (rows?.length ?? 0) > 0;
    },
    async releaseHeld(tenant, u) {
      const [, rows] = await database.transaction([lockLanesOf([tenant], [u]), releaseHeld(tenant, u)]);
      if (!rows || rows.length === 0) return null;
      return toHeads(rows.filter((row) => row['ready'] === true))[0];
    },
    republishStuckRetries: async (partitions) =>
      (await database.run(republishStuckRetries(partitions))).length,

    readPauses: async () => (await database.run(readPauses())).map(toPause),
    async setPause(target, untilMs, reason, by) {
      const touch = target.scope === 'tenant' ? [touchTenant(target.tenant)] : [];
      await database.transaction([setPause(target, untilMs, reason, by), ...touch]);
    },
    async liftPause(target, by) {
      const [lifted] = await database.transaction([
        liftPause(target, by),
        ...(target.scope === 'tenant' ? [touchTenant(target.tenant)] : []),
        ...(target.scope === 'sender' ? [wakePausedLanes(target.tenant)] : []),
      ]);
      return (lifted?.length ?? 0) > 0;
    },
    listSuppressions: async (tenant, most, before) =>
      (await database.run(listSuppressions(tenant, most, before))).map(toSuppression),
    liftSuppression: async (tenant, recipient, by) =>
      (await database.run(liftSuppression(tenant, recipient, by))).length > 0,
    prune: async (retention, most) => Number((await database.run(prunePage(retention, most)))[0]?.['n'] ?? 0),
    foldTally: async () => Number((await database.run(foldTally()))[0]?.['n'] ?? 0),

    readOutbox: async (partitions, most) =>
      (await database.run(readOutbox(partitions, most))).map(toOutboxEntry),
    readOrphanedOutbox: async (olderThanMs, most) =>
      (await database.run(readOrphanedOutbox(olderThanMs, most))).map(toOutboxEntry),
    async forgetPublished(numbers) {
      // Lost, they are published again: whoever reads outcomes knows a repeat by its id.
      await database.transaction(forgetPublished(numbers), { mayBeLost: true });
    },
    readDeadRecords: async (partitions, most) =>
      (await database.run(readDeadRecords(partitions, most))).map(toDeadEntry),
    async forgetDeadRecords(numbers) {
      await database.run(forgetDeadRecords(numbers));
    },

    readEvents: async (feeds, most) =>
      feeds.length === 0 ? [] : toEvents(await database.run(readEvents(feeds, most)), feeds.length),
    async eventPlace(tenant) {
      const [row] = await database.run(readEventPlace(tenant));
      return row ? toEventPlace(row) : { last: '0', pending: '0' };
    },
    async readMessageAndPlace(tenant, u) {
      const [row] = await database.run(readMessageAndPlace(tenant, u));
      return row && { view: toMessageView(row), place: toEventPlace(row) };
    },
    hasEvent: async (tenant, n) => (await database.run(hasEvent(tenant, n)))[0]?.['there'] === true,
    listDead: async (filter, page) => (await database.run(listDead(filter, page))).map(toDeadLetter),
    countDead: async (filter) => (await database.run(countDead(filter))).map(toDeadGroup),
    async discardDead(letters) {
      const messages = letters.filter(({ kind }) => kind === 'message');
      const tenants = messages.map(({ tenant }) => tenant ?? 0);
      const us = messages.map(({ u }) => u);
      const records = letters.filter(({ kind }) => kind === 'record').map(({ u }) => u);
      const [, discarded, unfiled] = await database.transaction([
        lockLanesOf(tenants, us),
        discardDead(tenants, us),
        discardUnfiled(records),
      ]);
      return Number(discarded?.[0]?.['n'] ?? 0) + Number(unfiled?.[0]?.['n'] ?? 0);
    },
    statesOf: async (keys) => (await database.run(statesOf(keys))).map(toStateName),
    listStuck: async (tenant, olderThanMs, most) =>
      (await database.run(listStuck(tenant, olderThanMs, most))).map(toStuck),
    async retryNow(tenant, u) {
      const [, rows] = await database.transaction([lockLanesOf([tenant], [u]), retryNow(tenant, u)]);
      return (rows?.length ?? 0) > 0;
    },

    async cancel(tenant, u, tag) {
      const [, ended, , , buried] = await database.transaction([
        lockLanesOf([tenant], [u]),
        finishUnsent([tenant], [u], 'cancelled'),
        lockLanesOf([tenant], [u]),
        passEnded([tenant], [u]),
        writeTombstone(tenant, u, tag),
      ]);
      if ((ended?.length ?? 0) > 0 || (buried?.length ?? 0) > 0) return 'cancelled';
      const [row] = await database.run(readMessage(tenant, u));
      return row?.['status'] === 'cancelled' ? 'cancelled' : 'not_cancellable';
    },
    async readMessage(tenant, u) {
      const [row] = await database.run(readMessage(tenant, u));
      return row ? toMessageView(row) : undefined;
    },
    listMessages: async (tenant, query) =>
      toMessagePage(await database.run(listMessages(tenant, query)), query.most),
    async admittedOffset(partition, topic) {
      const rows = await database.run(readAdmitted(partition));
      return BigInt(
        (rows.find((row) => row['topic'] === topic)?.['next_offset'] as string | undefined) ?? '0',
      );
    },
    async counts() {
      const [row] = await database.run(countStates());
      return toCounts(row ?? {});
    },
    readVitals: async (partitions) => toVitals((await database.run(readVitals(partitions)))[0] ?? {}),
    close: () => database.close(),
  };
}

function toCounts(row: Row): QueueCounts {
  const states = (row['states'] as Record<string, number> | null) ?? {};
  const active =
    (row['active'] as { restaurantId: string; active: number; limit: number | null }[] | null) ?? [];
  return queueCounts({
    in: (state) => states[String(MESSAGE[state])] ?? 0,
    accepted: Object.values(states).reduce((sum, n) => sum + n, 0),
    backingOff: row['backing_off'] as number,
    suspended: row['suspended'] as number,
    behindDead: row['behind_dead'] as number,
    undecided: row['undecided'] as number,
    tenantConcurrency: Object.fromEntries(
      active.map((a) => [a.restaurantId, { active: a.active, limit: a.limit }]),
    ),
  });
}
