import type { EventFeed, EventPlace, MessageEvent } from './events/message-events.js';
import type { Callback, CallbackResult, CallbackRule } from './messages/callbacks.js';
import type { Candidate, ClaimAnswer, ClaimLimits } from './messages/claim.js';
import type { UnknownDecision, UnknownEntry, UnknownPlace } from './messages/decide.js';
import type { DirectAnswer, DirectMessage } from './messages/direct.js';
import type { Head, NewMessage } from './messages/admit-sends.js';
import type { Redrive, Retry } from './messages/admit-retries.js';
import type { DeadFilter, DeadGroup, DeadLetter, DeadPage } from './messages/dead-letters.js';
import type { MessageKey, StateName } from './messages/states-of.js';
import type { StuckMessage } from './messages/stuck.js';
import type { DeadRecord } from './messages/dead-records.js';
import type { UnknownMessage } from './messages/leases.js';
import type { MessagePage, MessageQuery } from './messages/list-messages.js';
import type { DeadEntry, OutboxEntry } from './messages/outbox.js';
import type { MessageView } from './messages/read.js';
import type { Retention } from './messages/retention.js';
import type { Settled, Settlement } from './messages/settle.js';
import type { Vitals } from './messages/vitals.js';
import type { Ownership, TopicRole } from './ownership/ownership.js';
import type { Pause, PauseTarget } from './pauses/pauses.js';
import type { Suppression } from './suppressions/suppressions.js';

/** The range of offsets that a batch covers: from its first record to behind its last. */
export interface Range {
  readonly first: bigint;
  readonly next: bigint;
}

export interface QueueCounts {
  readonly accepted: number;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly completed: number;
  readonly failed: number;
  readonly dead: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly retrying: number;
  readonly scheduled: number;
  readonly held: number;
  readonly unknown: number;
  /** Of the unknown ones: an operator has to decide. */
  readonly undecided: number;
  readonly tenantConcurrency: Readonly<
    Record<string, { readonly active: number; readonly limit: number | null }>
  >;
}

export type CancelResult = 'cancelled' | 'not_cancellable';

/**
 * The tables that own a message from admission on.
 *
 *   admission ─► waiting ─► claimed ─► settled ─► outbox ─► Kafka
 *
 * Every method is one transaction. Those that take an Ownership fail with LedgerError `fenced` once the partition has
 * a newer owner; all fail with `unavailable` while the database can't be reached.
 */
export interface Ledger {
  takeOwnership(partition: number, member: string): Promise<Ownership>;
  /** Those of them that are not the partition's newest: somebody took it since. */
  fenced(owned: readonly Ownership[]): Promise<Ownership[]>;
  /** The owner ends in order. */
  giveBack(own: Ownership): Promise<void>;
  /**
   * How many processes began to read this range, or this single record, this one included: see range-notes.
   * @param reader another one with each process, also where it is the same instance started again
   */
  noteRange(
    own: Ownership,
    topic: TopicRole,
    first: bigint,
    single: boolean,
    reader: string,
  ): Promise<number>;
  /** True where the log begins later than the ledger would have read on: records were lost to retention. */
  skipToLogStart(own: Ownership, topic: TopicRole, logStart: bigint): Promise<boolean>;

  admitSends(
    own: Ownership,
    range: Range,
    messages: readonly NewMessage[],
    dead: readonly DeadRecord[],
  ): Promise<Head[]>;
  admitRetries(
    own: Ownership,
    range: Range,
    retries: readonly Retry[],
    redrives: readonly Redrive[],
    dead: readonly DeadRecord[],
  ): Promise<Head[]>;
  applyCallbacks(
    own: Ownership,
    range: Range,
    callbacks: readonly Callback[],
    rule: CallbackRule,
    dead: readonly DeadRecord[],
  ): Promise<CallbackResult[]>;

  readyTenants(partitions: readonly number[]): Promise<number[]>;
  refill(tenants: readonly { tenant: number; partition: number }[], perTenant: number): Promise<Head[]>;
  /**
   * Heads that have become due: of lanes that waited, of scheduled messages, and of those that were refused without the queue. Nothing of partitions that somebody else owns
   * by now: that owner would not be told.
   */
  wake(owned: readonly Ownership[], most: number): Promise<Head[]>;
  /** Ends messages past their time, in partitions that still are owned so. */
  expire(owned: readonly Ownership[], most: number): Promise<number>;
  /** The conversations of those among these messages that are their heads, and ended, go on: the heads that are ready now. */
  passEnded(messages: readonly MessageKey[]): Promise<Head[]>;

  ensureSlots(tenants: readonly number[], concurrency: number): Promise<void>;
  /** Fails with `rate_epoch` where the instants were given by another epoch of the rate group; never with `fenced`: see ClaimAnswer. */
  claim(
    owned: readonly Ownership[],
    candidates: readonly Candidate[],
    limits: ClaimLimits,
  ): Promise<ClaimAnswer>;
  /** For one attempt without the queue; to be settled like any other, with state `refused` where it may be repeated. */
  claimDirect(message: DirectMessage, limits: ClaimLimits): Promise<DirectAnswer>;
  settle(settlements: readonly Settlement[]): Promise<Settled[]>;
  overdueClaims(partitions: readonly number[]): Promise<Settlement[]>;
  /** Whether the queue sends this message, or has sent it. */
  inQueue(key: MessageKey): Promise<boolean>;
  /** Of all partitions, those of sends without the queue. */
  overdueDirect(): Promise<Settlement[]>;
  unknownMessages(partitions: readonly number[], most: number): Promise<UnknownMessage[]>;
  knownSids(tenant: number, sids: readonly string[]): Promise<ReadonlySet<string>>;
  /** `next`: the conversation goes on with it. */
  leaveUndecided(
    tenant: number,
    u: string,
    attempt: number,
  ): Promise<{ readonly left: boolean; readonly next?: Head }>;
  listUnknown(tenant: number | null, most: number, after?: UnknownPlace): Promise<UnknownEntry[]>;
  /** An operator's decision; false: the message is not unknown any more. */
  decideUnknown(
    tenant: number,
    u: string,
    decision: UnknownDecision,
    given: { readonly sid?: string | undefined; readonly by: string },
  ): Promise<boolean>;
  /** A conversation held by this dead message goes on without it; null: the message holds none. */
  releaseHeld(tenant: number, u: string): Promise<Head | undefined | null>;
  republishStuckRetries(partitions: readonly number[]): Promise<number>;

  readPauses(): Promise<Pause[]>;
  /** `untilMs` null: until it is lifted. */
  setPause(target: PauseTarget, untilMs: number | null, reason: string, by: string): Promise<void>;
  liftPause(target: PauseTarget, by: string): Promise<boolean>;
  listSuppressions(tenant: number, most: number, before?: number): Promise<Suppression[]>;
  liftSuppression(tenant: number, recipient: string, by: string): Promise<boolean>;
  /** Erases and forgets what is old; returns how many rows it touched, at most three times `most`. */
  prune(retention: Retention, most: number): Promise<number>;
  /** Keeps the counts cheap to read. Answers with how many entries were put together. */
  foldTally(): Promise<number>;

  readOutbox(partitions: readonly number[], most: number): Promise<OutboxEntry[]>;
  /** Of any partition, where nobody published them in time. */
  readOrphanedOutbox(olderThanMs: number, most: number): Promise<OutboxEntry[]>;
  /** They stay as events: see readEvents. */
  forgetPublished(numbers: readonly string[]): Promise<void>;
  readDeadRecords(partitions: readonly number[], most: number): Promise<DeadEntry[]>;
  /** The dead-letter topic has them: what stays is a dead letter that says where they stood. */
  forgetDeadRecords(numbers: readonly string[]): Promise<void>;

  /** The next published events of each feed, at most `most` of each, ascending. */
  readEvents(feeds: readonly EventFeed[], most: number): Promise<MessageEvent[][]>;
  /** Where a reader of a restaurant's events begins. */
  eventPlace(tenant: number): Promise<EventPlace>;
  /** A message, and where a reader of its events begins who was told of it: both as of one instant. */
  readMessageAndPlace(
    tenant: number,
    u: string,
  ): Promise<{ readonly view: MessageView; readonly place: EventPlace } | undefined>;
  /** Whether one can read on behind this event; not where it is gone with its message's details. */
  hasEvent(tenant: number, n: string): Promise<boolean>;
  /** At most `page.most`, by the time of their death. */
  listDead(filter: DeadFilter, page: DeadPage): Promise<DeadLetter[]>;
  countDead(filter: DeadFilter): Promise<DeadGroup[]>;
  /** Puts dead letters away for good; those that are not dead any more stay. Returns how many it put away. */
  discardDead(letters: readonly Pick<DeadLetter, 'kind' | 'tenant' | 'u'>[]): Promise<number>;
  /** In the order of the keys; undefined: there is no such message. */
  statesOf(keys: readonly MessageKey[]): Promise<(StateName | undefined)[]>;
  /** First messages of conversations that have not moved for longer than `olderThanMs`, the longest waiting first. */
  listStuck(tenant: number | null, olderThanMs: number, most: number): Promise<StuckMessage[]>;
  /** A retry that waits for its time is due now. False: the message does not wait for a retry. */
  retryNow(tenant: number, u: string): Promise<boolean>;

  cancel(tenant: number, u: string, tag: string): Promise<CancelResult>;
  readMessage(tenant: number, u: string): Promise<MessageView | undefined>;
  listMessages(tenant: number, query: MessageQuery): Promise<MessagePage>;
  admittedOffset(partition: number, topic: TopicRole): Promise<bigint>;
  counts(): Promise<QueueCounts>;
  readVitals(partitions: readonly number[]): Promise<Vitals>;
  close(): Promise<void>;
}
