import { decodeEvent, joinMessageId, type SendRequested } from '@mersal/contracts';
import type { Clock } from '@mersal/delivery';
import { type Breakers, type RetryPolicy, scheduleRetry } from '@mersal/lanes';
import { LANE, type Ledger, MESSAGE, type Settlement, type UnknownMessage } from '@mersal/ledger';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { TwilioGateway } from '@mersal/twilio-gateway';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import { CLOCK_ALLOWANCE_MS, type Doubt, examine } from './evidence.js';

export interface ReconcileParts {
  readonly ledger: Ledger;
  readonly gateway: TwilioGateway;
  readonly tenants: TenantDirectory;
  readonly owned: OwnedPartitions;
  readonly dispatch: Dispatch;
  readonly breakers: Breakers;
  readonly policy: RetryPolicy;
  readonly graceMs: number;
  readonly pauseMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A lease that ended without its sender: nothing is decided earlier than this after it, in ms. */
const DEAD_SENDER_MS = 60_000;
const MOST = 50;
/** Lists that failed or showed several candidates: so often, then an operator decides. */
const MOST_LOOKS = 5;

interface Look {
  readonly attempt: number;
  absentAt: number | undefined;
  looks: number;
  nextAt: number;
}

/*
 * An attempt of unknown outcome
 *
 *   unknown ─► grace: a callback may tell ─► list ─┬─ one that fits ──────────────────────► sent
 *                                                  ├─ none, twice, a pause apart ─────────► not accepted: retrying
 *                                                  └─ several, or no complete list, often ► undecided: an operator,
 *                                                                    or sent again where the restaurant chose `resend`
 */
export class Reconciliation {
  readonly #parts: ReconcileParts;
  readonly #looks = new Map<string, Look>();

  constructor(parts: ReconcileParts) {
    this.#parts = parts;
  }

  /** Looks at what is due; returns how many were decided. */
  readonly run = async (): Promise<number> => {
    const { ledger, owned, clock } = this.#parts;
    const unknown = await ledger.unknownMessages(owned.numbers, MOST);
    const seen = new Set(unknown.map(keyOf));
    for (const key of this.#looks.keys()) if (!seen.has(key)) this.#looks.delete(key);
    let decided = 0;
    for (const message of unknown) {
      if (clock.wall() < this.#dueAt(message)) continue;
      if (await this.#look(message, unknown)) decided += 1;
    }
    return decided;
  };

  #dueAt(message: UnknownMessage): number {
    const { graceMs } = this.#parts;
    const leaseEnded = message.orphaned ? DEAD_SENDER_MS : 0;
    const first = message.finishedAt + graceMs + leaseEnded;
    return Math.max(first, this.#looks.get(keyOf(message))?.nextAt ?? 0);
  }

  async #look(message: UnknownMessage, all: readonly UnknownMessage[]): Promise<boolean> {
    const { gateway, tenants, ledger, logger, clock, pauseMs } = this.#parts;
    const tenant = tenants.byId(message.tenant);
    if (!tenant || tenant.accountSid !== message.accountSid)
      return this.#undecided(message, 'the account has changed');
    // Who has its key looks, or this one once it has it.
    if (tenant.unopened) return false;
    const doubt = doubtOf(message);
    const open = all.filter((other) => other !== message && sameDoubt(doubt, doubtOf(other))).length;
    const rivals = open + message.silentRivals;
    const listing = await gateway.list(
      { accountSid: tenant.accountSid, authToken: tenant.authToken },
      { to: doubt.to, from: doubt.from, since: new Date(doubt.startedAt - CLOCK_ALLOWANCE_MS) },
    );
    const taken = await ledger.knownSids(
      message.tenant,
      listing.messages.map((one) => one.sid),
    );
    const finding = examine(doubt, listing, taken, rivals);
    const look = this.#looks.get(keyOf(message)) ?? {
      attempt: message.attempt,
      absentAt: undefined,
      looks: 0,
      nextAt: 0,
    };
    this.#looks.set(keyOf(message), look);
    look.looks += 1;
    look.nextAt = clock.wall() + pauseMs;
    const id = joinMessageId(message.u, message.tag);
    if (finding.kind === 'accepted') {
      logger.info({ sid: finding.sid }, `Job ${id}: the provider has it, it was accepted`);
      return this.#settle({
        ...base(message, clock.wall()),
        state: MESSAGE.sent,
        onward: 'advance',
        counted: false,
        sid: finding.sid,
        outcome: 'accepted',
        event: 'sent',
        detail: { sid: finding.sid, accountSid: message.accountSid },
      });
    }
    if (finding.kind === 'absent') {
      if (look.absentAt === undefined || clock.wall() - look.absentAt < pauseMs) {
        look.absentAt ??= clock.wall();
        return false;
      }
      logger.info({}, `Job ${id}: the provider does not have it, it is tried again`);
      return this.#settle(this.#again(message));
    }
    look.absentAt = undefined;
    if (look.looks < MOST_LOOKS) return false;
    if (tenant.onUnknown === 'resend') return this.#settle(this.#again(message));
    return this.#undecided(message, finding.reason);
  }

  #again(message: UnknownMessage): Settlement {
    const { policy, random, clock, breakers } = this.#parts;
    const now = clock.wall();
    // It failed while the provider, or its account, did not work at all: not its message's fault.
    const refund =
      message.counted && breakers.troubleAt(message.accountSid, clock.now() - (now - message.startedAt));
    const before = message.counted ? message.retries - 1 : message.retries;
    const decision = scheduleRetry(
      policy,
      {
        used: before,
        counts: message.counted && !refund,
        attempt: message.attempt,
        acceptedAt: message.acceptedAt,
        now,
      },
      random,
    );
    const error = { class: 'ambiguous', message: 'the provider does not have it' };
    const shared = {
      ...base(message, now),
      counted: false,
      refund,
      outcome: 'not_accepted',
      errorClass: 'ambiguous',
    };
    if (decision.kind === 'give_up') {
      return {
        ...shared,
        state: MESSAGE.dead,
        onward: 'advance',
        event: 'dead',
        detail: { reason: decision.reason, error },
      };
    }
    return {
      ...shared,
      state: MESSAGE.retrying,
      onward: LANE.retrying,
      due: decision.at,
      event: 'retrying',
      detail: { notBefore: decision.at, error },
    };
  }

  async #settle(settlement: Settlement): Promise<boolean> {
    const { ledger, dispatch } = this.#parts;
    const [settled] = await ledger.settle([settlement]);
    if (settled?.next) dispatch.offer([settled.next]);
    return settled?.applied ?? false;
  }

  async #undecided(message: UnknownMessage, reason: string): Promise<boolean> {
    this.#parts.logger.error(
      { reason },
      `Job ${joinMessageId(message.u, message.tag)}: it cannot be told whether the provider accepted it; an operator has to decide`,
    );
    const { left, next } = await this.#parts.ledger.leaveUndecided(
      message.tenant,
      message.u,
      message.attempt,
    );
    if (next) this.#parts.dispatch.offer([next]);
    return left;
  }
}

function base(message: UnknownMessage, now: number) {
  return {
    tenant: message.tenant,
    lane: message.lane,
    u: message.u,
    // The slot was given back when the message became unknown.
    slot: -1,
    attempt: message.attempt,
    redrive: message.redrive,
    accountSid: message.accountSid,
    startedAt: message.startedAt,
    finishedAt: now,
  } as const;
}

function doubtOf(message: UnknownMessage): Doubt {
  const { data } = decodeEvent(message.headers, message.record) as { data: SendRequested };
  return {
    to: data.to,
    from: data.from,
    body: data.content.kind === 'text' ? data.content.text : undefined,
    startedAt: message.startedAt,
    // What a dead sender's kernel still had to send may have arrived until the wait for it was over.
    finishedAt: message.finishedAt + (message.orphaned ? DEAD_SENDER_MS : 0),
  };
}

function sameDoubt(a: Doubt, b: Doubt): boolean {
  return a.to === b.to && a.from === b.from && a.body === b.body;
}

function keyOf(message: UnknownMessage): string {
  return `${message.tenant}/${message.u}/${message.attempt}`;
}
