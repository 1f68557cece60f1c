import { randomU } from '@mersal/contracts';
import {
  type Claim,
  type Head,
  LANE,
  laneOf,
  type Ledger,
  MESSAGE,
  type NewMessage,
  type Ownership,
  recipientOf,
  type Settlement,
} from '@mersal/ledger';

export interface TenantSettings {
  readonly onDead?: 'skip' | 'hold';
  readonly concurrency?: number;
}

/** Of every message. */
export const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

/** One implementation with what a test needs around it. */
export interface Subject {
  readonly ledger: Ledger;
  /** The ledger's own clock, in ms since 1970. */
  now(): number;
  /** At least so many ms go by on it. */
  later(ms: number): Promise<void>;
  /** A restaurant of its own. */
  tenant(
    name: string,
    settings?: TenantSettings,
  ): Promise<{ readonly id: number; readonly partition: number }>;
  status(restaurantId: string): Promise<'active' | 'paused' | 'suspended' | undefined>;
  /** Saves the account with another token. */
  renewCredentials(restaurantId: string): Promise<void>;
  pausedUntil(restaurantId: string): Promise<number | null | undefined>;
  rateEpoch(): Promise<number>;
}

export const LIMITS = { leaseMs: 20_000, concurrency: 5 };
export const SENDER = 'whatsapp:+14155238886';

/** A restaurant with its partition owned, and short words for what tests do all the time. */
export class Stage {
  readonly name: string;
  readonly subject: Subject;
  readonly tenant: number;
  own: Ownership;

  constructor(name: string, subject: Subject, tenant: number, own: Ownership) {
    this.name = name;
    this.subject = subject;
    this.tenant = tenant;
    this.own = own;
  }

  static async open(subject: Subject, name: string, settings: TenantSettings = {}): Promise<Stage> {
    const { id, partition } = await subject.tenant(name, settings);
    await subject.ledger.ensureSlots([id], LIMITS.concurrency);
    return new Stage(name, subject, id, await subject.ledger.takeOwnership(partition, 'test'));
  }

  get ledger(): Ledger {
    return this.subject.ledger;
  }

  message(conversation: string, more: Partial<NewMessage> = {}): NewMessage {
    return {
      tenant: this.tenant,
      u: randomU(),
      tag: '1aaaaaaaaaaaa',
      lane: laneOf(conversation),
      conversation,
      priority: 5,
      sender: SENDER,
      recipient: recipientOf(conversation),
      acceptedAt: this.subject.now(),
      bodyHash: '00'.repeat(32),
      record: Buffer.from('{"text":"طلبك جاهز 🍽️"}'),
      headers: { ce_id: 'x', traceparent: TRACEPARENT },
      kafkaOffset: 0n,
      ...more,
    };
  }

  /** In a range that follows on whatever was admitted before. */
  async admit(...messages: NewMessage[]): Promise<Head[]> {
    const first = await this.ledger.admittedOffset(this.own.partition, 'send');
    const placed = messages.map((one, at) => ({ ...one, kafkaOffset: first + BigInt(at) }));
    return this.ledger.admitSends(this.own, { first, next: first + BigInt(messages.length) }, placed, []);
  }

  async claim(
    heads: readonly Pick<Head, 'tenant' | 'lane' | 'u'>[],
    more: Partial<typeof LIMITS> = {},
  ): Promise<readonly Claim[]> {
    return (await this.ledger.claim([this.own], heads, { ...LIMITS, ...more })).claims;
  }

  /** Admits one message and claims it. */
  async claimed(conversation: string, more: Partial<NewMessage> = {}): Promise<Claim> {
    return only(await this.claim(await this.admit(this.message(conversation, more))));
  }

  async heads(): Promise<string[]> {
    const heads = await this.ledger.refill([{ tenant: this.tenant, partition: this.own.partition }], 64);
    return heads.map((head) => head.u);
  }

  async status(u: string): Promise<string | undefined> {
    return (await this.ledger.readMessage(this.tenant, u))?.status;
  }

  async events(u: string): Promise<string[]> {
    const entries = await this.ledger.readOutbox([this.own.partition], 10_000);
    return entries.filter((entry) => entry.u === u).map((entry) => entry.state);
  }

  /** Brings a retry's record in, as the retry topic would. */
  async retry(u: string, attempt: number, notBefore = this.subject.now(), redrive = 0): Promise<string[]> {
    const first = await this.ledger.admittedOffset(this.own.partition, 'retry');
    const heads = await this.ledger.admitRetries(
      this.own,
      { first, next: first + 1n },
      [{ tenant: this.tenant, u, redrive, attempt, notBefore }],
      [],
      [],
    );
    return heads.map((head) => head.u);
  }

  redrive(u: string, redrive = 0): Promise<string[]> {
    return this.redriveAll([{ u, redrive }]);
  }

  /** In one batch. */
  async redriveAll(
    letters: readonly { u: string; redrive?: number; priority?: number }[],
  ): Promise<string[]> {
    const first = await this.ledger.admittedOffset(this.own.partition, 'retry');
    const heads = await this.ledger.admitRetries(
      this.own,
      { first, next: first + BigInt(letters.length) },
      [],
      letters.map(({ u, redrive = 0, priority }) => ({ tenant: this.tenant, u, redrive, priority })),
      [],
    );
    return heads.map((head) => head.u);
  }

  candidate(conversation: string, u: string): Pick<Head, 'tenant' | 'lane' | 'u'> {
    return { tenant: this.tenant, lane: laneOf(conversation), u };
  }
}

export function only<T>(all: readonly T[]): T {
  if (all.length !== 1) throw new Error(`${all.length} where one was expected`);
  return all[0] as T;
}

export function accepted(claim: Claim, more: Partial<Settlement> = {}): Settlement {
  return {
    tenant: claim.tenant,
    lane: claim.lane,
    u: claim.u,
    slot: claim.slot,
    attempt: claim.attempt,
    redrive: claim.redrive,
    state: MESSAGE.sent,
    onward: 'advance',
    counted: false,
    accountSid: claim.accountSid,
    sid: `SM${claim.u}`,
    outcome: 'accepted',
    httpStatus: 201,
    startedAt: claim.acceptedAt,
    finishedAt: claim.acceptedAt + 100,
    event: 'sent',
    detail: {},
    ...more,
  };
}

export function repeat(claim: Claim, due: number, more: Partial<Settlement> = {}): Settlement {
  return accepted(claim, {
    state: MESSAGE.retrying,
    onward: LANE.retrying,
    due,
    counted: true,
    sid: undefined,
    outcome: 'transient',
    errorClass: 'transient',
    event: 'retrying',
    ...more,
  });
}

export function dead(claim: Claim, more: Partial<Settlement> = {}): Settlement {
  return accepted(claim, {
    state: MESSAGE.dead,
    sid: undefined,
    outcome: 'rejected',
    errorClass: 'rejected',
    event: 'dead',
    detail: { reason: 'provider_rejected' },
    ...more,
  });
}

export function unknown(claim: Claim, more: Partial<Settlement> = {}): Settlement {
  return accepted(claim, {
    state: MESSAGE.unknown,
    onward: LANE.unknown,
    counted: true,
    sid: undefined,
    outcome: 'ambiguous',
    errorClass: 'ambiguous',
    event: 'unknown',
    ...more,
  });
}

/** A claim whose request was never written. */
export function released(claim: Claim): Settlement {
  return accepted(claim, {
    state: MESSAGE.waiting,
    onward: LANE.open,
    sid: undefined,
    outcome: null,
    event: null,
  });
}
