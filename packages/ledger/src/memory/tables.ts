import type { AttemptView } from '../messages/read.js';
import type { DeadEntry } from '../messages/outbox.js';
import type { UnfiledRecord } from '../messages/unfiled.js';
import type { TopicRole } from '../ownership/ownership.js';
import type { LaneState, StoredState } from '../states.js';
import type { Pause } from '../pauses/pauses.js';
import type { Suppression } from '../suppressions/suppressions.js';
import type { Tenant } from '../tenants/tenants.js';

/** Due at once: what '-infinity' is in the tables. */
export const NOW = Number.NEGATIVE_INFINITY;

/** Rows as in sql/migrations, times in ms since 1970. */
export interface MessageRow {
  readonly tenant: number;
  readonly u: string;
  readonly tag: string;
  readonly partition: number;
  readonly lane: string;
  conversation: string;
  priority: number;
  sender: string;
  recipient: string;
  seq: number;
  state: StoredState;
  due: number;
  readonly expiresAt: number | null;
  redrive: number;
  attempt: number;
  retries: number;
  readonly acceptedAt: number;
  changedAt: number;
  accountSid: string | null;
  sid: string | null;
  errorClass: string | null;
  errorCode: number | null;
  readonly bodyHash: string | null;
  erased: boolean;
  /** Its record came through Kafka. */
  queued: boolean;
  deadReason: string | null;
  discardedAt: number | null;
  redrivenAt: number | null;
}

export interface UnfiledRow extends UnfiledRecord {
  readonly u: string;
  readonly reason: string;
  readonly restaurant: string | null;
  readonly filedAt: number;
  discardedAt: number | null;
}

export interface LaneRow {
  readonly tenant: number;
  readonly lane: string;
  readonly partition: number;
  head: string;
  priority: number;
  seq: number;
  due: number;
  state: LaneState;
  attempt: number | null;
  lease: number | null;
  startedAt: number | null;
  accountSid: string | null;
}

export interface SlotRow {
  readonly tenant: number;
  readonly n: number;
  readonly partition: number;
  u: string | null;
  attempt: number | null;
  lease: number | null;
}

export interface AttemptRow extends AttemptView {
  readonly redrive: number;
  readonly accountSid: string | null;
  readonly counted: boolean;
}

export interface CallbackRow {
  readonly u: string;
  readonly attempt: number;
  readonly status: string;
  readonly sid: string;
  readonly code: number | null;
  readonly receivedAt: number;
  readonly result: string;
}

export interface OutboxRow {
  readonly n: number;
  readonly partition: number;
  readonly tenant: number;
  readonly u: string;
  readonly redrive: number;
  readonly attempt: number;
  readonly state: string;
  readonly at: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface EventRow extends OutboxRow {
  /** `n` is its place in the outbox before. */
  readonly place: number;
}

export interface PauseRow extends Pause {
  readonly times: number;
}

export interface OwnerRow {
  epoch: number;
  clean: boolean;
}

/** All tables, and the database's clock. Nothing here decides anything. */
export class Tables {
  readonly clock: () => number;
  readonly incarnation = '00000000-0000-4000-8000-000000000000';
  readonly tenants = new Map<number, Tenant>();
  readonly owners = new Map<number, OwnerRow>();
  readonly admitted = new Map<string, bigint>();
  readonly ranges = new Map<
    string,
    { partition: number; topic: string; first: bigint; readers: Set<string> }
  >();
  readonly messages = new Map<string, MessageRow>();
  readonly bodies = new Map<string, { record: Buffer; headers: Readonly<Record<string, string>> }>();
  readonly lanes = new Map<string, LaneRow>();
  readonly slots = new Map<number, SlotRow[]>();
  readonly attempts = new Map<string, Map<number, AttemptRow>>();
  readonly callbacks = new Map<string, CallbackRow[]>();
  readonly dead = new Map<string, DeadEntry>();
  readonly unfiled = new Map<string, UnfiledRow>();
  readonly suppressions = new Map<string, Suppression>();
  readonly pauses = new Map<string, PauseRow>();
  outbox: OutboxRow[] = [];
  /** In the order in which they were published, by what makes each of them one. */
  readonly events = new Map<string, EventRow>();
  /** The epoch of the rate group that claims must carry. */
  rateEpoch: () => number = () => 1;
  #place = 0;
  #number = 0;

  constructor(partitions: number, clock: () => number) {
    this.clock = clock;
    for (let p = 0; p < partitions; p += 1) this.owners.set(p, { epoch: 0, clean: true });
  }

  nextPlace(): number {
    this.#place += 1;
    return this.#place;
  }

  nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }

  message(tenant: number, u: string): MessageRow | undefined {
    return this.messages.get(key(tenant, u));
  }

  lane(tenant: number, lane: string): LaneRow | undefined {
    return this.lanes.get(key(tenant, lane));
  }

  /** The message's lane, where it is its head. */
  laneHeadedBy(message: MessageRow): LaneRow | undefined {
    const lane = this.lane(message.tenant, message.lane);
    return lane?.head === message.u ? lane : undefined;
  }

  attempt(tenant: number, u: string, attempt: number): AttemptRow | undefined {
    return this.attempts.get(key(tenant, u))?.get(attempt);
  }

  keepAttempt(tenant: number, u: string, row: AttemptRow): void {
    const id = key(tenant, u);
    const all = this.attempts.get(id) ?? new Map<number, AttemptRow>();
    all.set(row.attempt, row);
    this.attempts.set(id, all);
  }

  /** Changes a restaurant; `changedAt` rises with it. */
  changeTenant(id: number, change: Partial<Tenant>): void {
    const tenant = this.tenants.get(id);
    if (tenant) this.tenants.set(id, { ...tenant, ...change, changedAt: this.changedAt() });
  }

  /** A time of change that sorts as text, and never twice the same. */
  changedAt(): string {
    return `${String(Math.round(this.clock())).padStart(15, '0')}.${String(this.nextNumber()).padStart(9, '0')}`;
  }

  event(
    message: MessageRow,
    state: string,
    more: { attempt?: number; detail?: OutboxRow['detail'] } = {},
  ): void {
    this.outbox.push({
      n: this.nextNumber(),
      partition: message.partition,
      tenant: message.tenant,
      u: message.u,
      redrive: message.redrive,
      attempt: more.attempt ?? message.attempt,
      state,
      at: this.clock(),
      detail: more.detail ?? {},
    });
  }
}

export function key(tenant: number, name: string): string {
  return `${tenant}/${name}`;
}

export function offsetKey(partition: number, topic: TopicRole): string {
  return `${partition}/${topic}`;
}
