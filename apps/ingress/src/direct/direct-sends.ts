import { parseMessageId, type SendRequested } from '@mersal/contracts';
import {
  CLAIM_AGE_MS,
  type Clock,
  createDelivery,
  type Pacer,
  reachRate,
  type RateGroup,
  SettleQueue,
  type Templates,
  type NumberPace,
} from '@mersal/delivery';
import { type Breakers, LimitWatch, type StartedBoth } from '@mersal/lanes';
import {
  type Claim,
  type DirectAnswer,
  type DirectClaim,
  type DirectMessage,
  type Ledger,
  LedgerError,
  type Settlement,
  type Tenant,
} from '@mersal/ledger';
import type { KeyedRate } from '@mersal/limits';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { TwilioGateway } from '@mersal/twilio-gateway';
import { toDirectMessage } from './direct-message.js';
import { type DirectResult, later, settledAs, unclaimed } from './direct-result.js';
import { withoutQueue } from './direct-settlement.js';
import { Turns } from './turns.js';

export interface DirectSendsParts {
  readonly ledger: Ledger;
  /** Restaurants as they are now. */
  readonly tenantOf: (restaurantId: string) => Promise<Tenant | undefined>;
  readonly gateway: TwilioGateway;
  readonly templates: Templates;
  readonly breakers: Breakers;
  /** Undefined: no global rate is kept. */
  readonly group: RateGroup | undefined;
  readonly pacer: Pacer;
  readonly keyedRate: KeyedRate;
  readonly numbers: NumberPace | undefined;
  /** Of restaurants without limits of their own. */
  readonly defaults: { readonly concurrency: number; readonly ratePerSecond: number | null };
  readonly leaseMs: number;
  /** Longest wait for an answer of the provider, in ms. */
  readonly timeoutMs: number;
  readonly publicUrl: string;
  readonly place: { readonly topic: string; readonly partitions: number; readonly source: string };
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Longest wait until the request may begin, in ms. */
export const TURN_MS = 5_000;
/** A busy restaurant's slots are asked for again after this, doubling, in ms. */
const AGAIN_MS = { least: 25, most: 400 };
/** A claim takes about this long, in ms. */
const CLAIM_MS = 15;
/** What an answer may take beyond the provider's: the settlement, in ms. */
const SETTLE_MS = 2_000;
/** Claims of processes that died are looked for this often, in ms. */
const OVERDUE_MS = 1_000;

/*
 * A send without the queue: the same slots, rates, breakers and outcome table, one attempt, and the caller waits.
 *
 *   its turn ─► the restaurant's rate ─► breakers ─► an instant ─► claim ─┬─ busy ─► again, up to 5 s in all ─► later
 *                                                                         └─ claimed ─► request ─► settled ─► result
 *
 * What was settled is answered. Where that takes too long the answer is "unknown": the ledger finds it out.
 */
export class DirectSends {
  readonly #parts: DirectSendsParts;
  readonly #turns: Turns;
  readonly #settlements: SettleQueue;
  readonly #limits = new LimitWatch();
  /** What was begun and is not settled: also where its caller has gone, or was told that it takes too long. */
  readonly #underWay = new Set<Promise<unknown>>();
  #stopLooking: () => void = () => undefined;

  constructor(parts: DirectSendsParts) {
    this.#parts = parts;
    const { ledger, clock, logger } = parts;
    this.#turns = new Turns(clock);
    this.#settlements = new SettleQueue(ledger, {
      retryMs: 250,
      clock,
      onError: (error) => logger.warn({ err: error }, 'settlements wait for the ledger'),
    });
  }

  start(): void {
    const { clock, logger } = this.#parts;
    this.#stopLooking = clock.every(OVERDUE_MS, () => {
      this.#settleOverdue().catch((error: unknown) =>
        logger.warn({ err: error }, 'overdue claims wait for the ledger'),
      );
    });
  }

  /** Resolves once all that was begun is settled. Nothing is begun after. */
  async stop(): Promise<void> {
    this.#stopLooking();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  #keep<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const over = (): void => void this.#underWay.delete(work);
    work.then(over, over);
    return work;
  }

  /** Throws LedgerError `unavailable`: nothing was sent then. */
  send(send: SendRequested, traceparent: string | undefined): Promise<DirectResult> {
    return this.#keep(this.#send(send, traceparent));
  }

  async #send(send: SendRequested, traceparent: string | undefined): Promise<DirectResult> {
    const tenant = await this.#parts.tenantOf(send.restaurantId);
    if (!tenant) return later('suspended', 'the restaurant is gone');
    const result = await this.#tryOnce(send, tenant, traceparent);
    if (result.kind !== 'later') return result;
    // With the same key it may have come through Kafka, before this or meanwhile: then it is sent without being asked for again.
    const u = parseMessageId(send.messageId)?.u ?? '';
    try {
      return (await this.#parts.ledger.inQueue({ tenant: tenant.id, u })) ? { kind: 'queued' } : result;
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      return { ...result, accepted: 'unknown' };
    }
  }

  async #tryOnce(
    send: SendRequested,
    tenant: Tenant,
    traceparent: string | undefined,
  ): Promise<DirectResult> {
    const { clock, keyedRate, defaults } = this.#parts;
    const deadline = clock.now() + TURN_MS;
    if (tenant.unopened) return later('suspended', 'the restaurant’s credentials do not open here');
    const leave = await this.#turns.take(tenant.id, tenant.concurrency ?? defaults.concurrency, deadline);
    if (!leave) return later('slots', 'all of the restaurant’s slots are taken');
    try {
      const perSecond = tenant.ratePerSecond ?? defaults.ratePerSecond;
      const paced =
        perSecond === null ||
        (await reachRate({ rate: keyedRate, perSecond, clock }, `tenant:${tenant.id}`, deadline));
      if (!paced) return later('rate', 'the restaurant’s rate is used up');
      const message = toDirectMessage(send, tenant.id, this.#parts.place, traceparent);
      return await this.#claim(message, tenant, deadline);
    } finally {
      leave();
    }
  }

  async #claim(message: DirectMessage, tenant: Tenant, deadline: number): Promise<DirectResult> {
    const { pacer, clock, breakers } = this.#parts;
    const { accountSid } = tenant;
    for (let pause = AGAIN_MS.least; ; pause = Math.min(AGAIN_MS.most, 2 * pause)) {
      const permit = await this.#permit(deadline);
      if (!permit) return later('rate', 'the rate of all restaurants together is used up');
      const { epoch } = permit;
      if (breakers.permits(accountSid, clock.now()) <= 0) {
        pacer.forgo(1, epoch);
        const retryAt = breakers.retryAt(accountSid, clock.now()) ?? clock.now();
        return later('provider', 'the provider does not work just now', retryAt - clock.now());
      }
      const started = breakers.started(accountSid, clock.now());
      const claimedAt = clock.now();
      const answer = await this.#ask(message, epoch).catch((error: unknown) => {
        breakers.abandoned(accountSid, started);
        pacer.forgo(1, epoch);
        throw error;
      });
      if (answer?.kind === 'claimed')
        return this.#deliver({ message, tenant, claim: answer.claim, started, claimedAt, epoch });
      breakers.abandoned(accountSid, started);
      pacer.forgo(1, epoch);
      if (answer && answer.kind !== 'busy') return unclaimed(answer, clock.wall());
      if (clock.now() + pause > deadline)
        return answer
          ? unclaimed(answer, clock.wall())
          : later('rate', 'the senders are changing how they keep the rate');
      await clock.sleep(pause);
    }
  }

  /** Undefined: the rate is kept in another way by now, and our instants are void. */
  async #ask(message: DirectMessage, rateEpoch: number | undefined): Promise<DirectAnswer | undefined> {
    const { ledger, pacer, defaults, leaseMs, group } = this.#parts;
    try {
      return await ledger.claimDirect(message, { leaseMs, concurrency: defaults.concurrency, rateEpoch });
    } catch (error) {
      if (!(error instanceof LedgerError && error.code === 'rate_epoch')) throw error;
      pacer.drop();
      await group?.refresh();
      return undefined;
    }
  }

  async #permit(deadline: number): Promise<{ readonly epoch: number | undefined } | undefined> {
    const { pacer, clock } = this.#parts;
    for (;;) {
      const permits = await pacer.reserve(1, CLAIM_MS);
      if (permits.kind === 'permits') return permits;
      if (permits.retryAt > deadline) return undefined;
      await clock.sleep(Math.max(1, permits.retryAt - clock.now()));
    }
  }

  async #deliver(made: {
    readonly message: DirectMessage;
    readonly tenant: Tenant;
    readonly claim: DirectClaim;
    readonly started: StartedBoth;
    readonly claimedAt: number;
    readonly epoch: number | undefined;
  }): Promise<DirectResult> {
    const { pacer, clock, timeoutMs, logger } = this.#parts;
    const { tenant, started, claimedAt, epoch } = made;
    const claim = toClaim(made.message, made.claim);
    let written: Settlement | undefined;
    let asked = false;
    const deliver = createDelivery({
      ...this.#parts,
      through: 'direct',
      claimAgeMs: CLAIM_AGE_MS,
      settlements: {
        settle: (settlement) => {
          written = withoutQueue(settlement);
          return this.#settlements.settle(written);
        },
      },
      by: {
        policy: { attempts: Number.MAX_SAFE_INTEGER, backoffMs: 1_000, maxAgeMs: Number.MAX_SAFE_INTEGER },
        random: this.#parts.random,
        limitOf: ({ sender, recipient }) => this.#limits.hit(sender, recipient, clock.now()),
      },
    });
    // Its account or token changed since it was read: nothing is sent with the former ones.
    const current = claim.accountSid === tenant.accountSid && claim.credentials === tenant.credentials;
    const delivery = deliver({
      claim,
      tenant,
      started,
      claimedAt,
      reach: (deadline) => {
        asked = true;
        if (!current) pacer.forgo(1, epoch);
        return current ? pacer.reach(epoch, deadline) : Promise.resolve(undefined);
      },
    }).finally(() => {
      if (!asked) pacer.forgo(1, epoch);
    });
    const work = this.#keep(delivery);
    const patience = clock.sleep(CLAIM_AGE_MS + timeoutMs + SETTLE_MS).then(() => undefined);
    const settled = await Promise.race([work, patience]);
    if (settled && !current) return later('provider', 'the restaurant’s account has just changed');
    // A callback may have been faster than the answer: what was accepted stays so. Of anything else it knows better.
    if (settled && written && (settled.applied || written.sid !== undefined))
      return settledAs(written, clock.wall());
    if (settled) return { kind: 'unknown' };
    work.catch((error: unknown) => logger.error({ err: error }, 'a send without the queue failed late'));
    return { kind: 'unknown' };
  }

  /** Claims of processes that died. Also their senders find them; where none runs, nobody else would. */
  async #settleOverdue(): Promise<void> {
    const { ledger } = this.#parts;
    const overdue = await ledger.overdueDirect();
    if (overdue.length > 0) await ledger.settle(overdue);
  }
}

function toClaim(message: DirectMessage, claim: DirectClaim): Claim {
  return {
    ...message,
    ...claim,
    // A new message has no place among others, and nothing failed before.
    seq: 0,
    formerAt: null,
    retries: 0,
    lastError: null,
    suppressed: false,
    expiresAt: message.expiresAt ?? null,
  };
}
