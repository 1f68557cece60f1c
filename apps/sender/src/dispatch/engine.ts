import {
  type Clock,
  type Delivered,
  type Delivery,
  Nap,
  Pacer,
  type Shut,
  type Written,
} from '@mersal/delivery';
import type { Breakers } from '@mersal/lanes';
import { type Claim, type Ledger, LedgerError, type Ownership, type Tenant } from '@mersal/ledger';
import { type GlobalRate, RateUnavailable } from '@mersal/limits';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import type { Dispatch } from './dispatch.js';
import type { Candidate, Gate } from './gate.js';
import { ClaimTime } from './claim-time.js';

export interface EngineParts {
  readonly ledger: Ledger;
  readonly dispatch: Dispatch;
  readonly owned: OwnedPartitions;
  readonly tenants: TenantDirectory;
  readonly rate: GlobalRate;
  readonly gate: Gate;
  readonly breakers: Breakers;
  readonly deliver: (delivery: Delivery) => Promise<Delivered>;
  readonly release: (claim: Claim) => Promise<Delivered>;
  readonly onSettled: () => void;
  /** Somebody took the partition since. */
  readonly onFenced: (own: Ownership) => void;
  /** Another epoch of the rate group: read it again. */
  readonly onRateEpoch: () => Promise<void>;
  readonly onFatal: (error: unknown) => void;
  readonly limits: { readonly leaseMs: number; readonly concurrency: number };
  /** Most requests under way at the provider. */
  readonly sockets: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Instants are reserved up to this far ahead, in ms: as far as claims need to be there in time, and no further, as the next
 * message, however urgent, waits behind them.
 */
const AHEAD_MS = { least: 60, most: 230 } as const;
/** Claims under way at once: while one waits for the ledger the next are made. */
const ROUNDS = 3;
/** Where so many may be claimed together, one claim at a time gathers them best. */
const MANY = 64;
/** Without work it looks again after this, in ms. */
const IDLE_MS = 500;
/** After a failure of Redis or Postgres, in ms. */
const PAUSE_MS = 250;

/** A refused head is looked for again after this, doubling, in ms. */
const REFUSAL_MS = 50;
const LONGEST_REFUSAL_MS = 1_000;

/*
 * The loop: permits first, then claims, so that no lease burns while waiting for a permit.
 *
 *   something ready, a socket free ─► reserve instants ─► pick as many heads ─► gate ─► claim ─► deliver each at an instant
 *              ▲                                              │        │         │ refused
 *              └──────── settled ◄────────────────────────────┴────────┴─────────┘ pick another, once
 *
 * A few such rounds are under way at once.
 */
export class Engine {
  readonly #parts: EngineParts;
  readonly #underWay = new Set<Promise<void>>();
  readonly #rounds = new Set<Promise<void>>();
  readonly #refusals = new Map<number, number>();
  readonly #idle: Nap;
  readonly #pacer: Pacer;
  readonly #claimTime = new ClaimTime();
  #running: Promise<void> | undefined;
  /** Picked and not yet claimed. */
  #claiming = 0;
  #nextAt = 0;
  /** Heads that could have gone had no instant when the last were picked. */
  #leftBehind = false;
  #stopping = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#idle = new Nap(parts.clock);
    this.#pacer = new Pacer(parts);
    parts.dispatch.onWork(this.#idle.wake);
  }

  get inFlight(): number {
    return this.#underWay.size;
  }

  start(): void {
    this.#running = this.#loop().catch(this.#parts.onFatal);
  }

  /** Claims nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#idle.wake();
    await this.#running;
    await Promise.allSettled(this.#rounds);
    await Promise.allSettled(this.#underWay);
  }

  async #loop(): Promise<void> {
    const { dispatch, clock, logger } = this.#parts;
    const { dispatcher } = dispatch;
    while (!this.#stopping) {
      if (dispatch.wantsRefill)
        void dispatch
          .refill()
          .catch((error: unknown) => logger.warn({ err: error }, 'heads could not be read'));
      dispatcher.ready(clock.now());
      if (!dispatcher.hasReady) this.#leftBehind = false;
      const most = this.#room();
      if (most <= 0) {
        const next = Math.min(
          dispatcher.nextReady ?? Number.POSITIVE_INFINITY,
          this.#parts.breakers.provider.retryAt(this.#parts.clock.now()) ?? Number.POSITIVE_INFINITY,
        );
        await this.#idle.sleep(Math.max(1, Math.min(IDLE_MS, next - clock.now())));
      } else if (this.#nextAt > clock.now()) {
        await clock.sleep(this.#nextAt - clock.now());
      } else if (this.#rounds.size >= (this.#parts.rate.atOnce < MANY ? ROUNDS : 1)) {
        await Promise.race(this.#rounds);
      } else {
        await this.#begin(most);
      }
    }
  }

  /** How many requests could be begun now. */
  #room(): number {
    const { rate, sockets, dispatch, breakers, clock } = this.#parts;
    if (dispatch.standsStill) return 0;
    return Math.min(
      rate.atOnce,
      sockets - this.#underWay.size - this.#claiming,
      dispatch.dispatcher.available(rate.atOnce),
      breakers.provider.permits(clock.now()),
    );
  }

  /** Has instants reserved and begins a round for them. */
  async #begin(most: number): Promise<void> {
    try {
      const { mostMs } = this.#claimTime;
      const permits = await this.#pacer.reserve(most, mostMs);
      if (permits.kind === 'wait') {
        this.#leftBehind = true;
        this.#nextAt = permits.retryAt;
        return;
      }
      this.#nextAt = this.#pacer.lastAt - Math.min(AHEAD_MS.most, Math.max(AHEAD_MS.least, 2 * mostMs));
      this.#round(permits.count, permits.epoch);
    } catch (error) {
      await this.#recover(error);
    }
  }

  #round(permits: number, rateEpoch: number | undefined): void {
    const round = this.#use(permits, rateEpoch)
      .catch((error: unknown) => this.#recover(error))
      .catch(this.#parts.onFatal)
      .finally(() => {
        this.#rounds.delete(round);
        this.#idle.wake();
      });
    this.#rounds.add(round);
  }

  /** Of Redis and Postgres being away: wait. Anything else is a fault of ours. */
  async #recover(error: unknown): Promise<void> {
    const { clock, logger, onRateEpoch } = this.#parts;
    if (!(error instanceof RateUnavailable) && !(error instanceof LedgerError)) throw error;
    this.#nextAt = Math.max(this.#nextAt, clock.now() + PAUSE_MS);
    if (error.code === 'rate_epoch') {
      this.#pacer.drop();
      await this.#orWarn(onRateEpoch(), 'the rate group could not be read');
    } else logger.warn({ err: error, code: error.code }, 'dispatch pauses');
  }

  /** Claims as many heads as are permitted; a head that was refused makes way for another, once. */
  async #use(permits: number, rateEpoch: number | undefined): Promise<void> {
    const { clock, dispatch, gate } = this.#parts;
    let left = permits;
    try {
      for (let attempt = 0; attempt < 2 && left > 0; attempt += 1) {
        const picked = dispatch.dispatcher.pick(left);
        if (picked.length === 0) return;
        const rate = this.#leftBehind;
        this.#leftBehind = dispatch.dispatcher.hasReady;
        this.#claiming += picked.length;
        const claimedAt = clock.now();
        try {
          const candidates = await gate.admit(picked);
          const claims = await this.#claim(candidates, rateEpoch);
          if (candidates.length > 0) this.#claimTime.took(clock.now() - claimedAt);
          const byClaim = new Map(candidates.map((one) => [`${one.head.tenant}/${one.head.u}`, one]));
          for (const claim of claims)
            this.#deliver(claim, {
              claimedAt,
              rateEpoch,
              rate,
              candidate: byClaim.get(`${claim.tenant}/${claim.u}`),
            });
          left -= claims.length;
        } finally {
          this.#claiming -= picked.length;
        }
      }
    } finally {
      this.#pacer.forgo(left, rateEpoch);
    }
  }

  async #claim(candidates: readonly Candidate[], rateEpoch: number | undefined): Promise<readonly Claim[]> {
    if (candidates.length === 0) return [];
    const { ledger, owned, tenants, limits, metrics } = this.#parts;
    const heads = candidates.map(({ head }) => head);
    const partitions = new Set(heads.map((head) => tenants.byId(head.tenant)?.partition ?? -1));
    const ownerships = [...partitions].flatMap((partition) => owned.get(partition) ?? []);
    let claims: readonly Claim[] = [];
    try {
      const answer = await ledger.claim(ownerships, heads, { ...limits, rateEpoch });
      claims = answer.claims;
      for (const partition of answer.fenced) {
        const own = ownerships.find((one) => one.partition === partition);
        if (own) this.#parts.onFenced(own);
      }
    } finally {
      this.#giveBack(candidates, claims);
    }
    metrics.count('mersal_claims', { result: 'claimed' }, claims.length);
    metrics.count('mersal_claims', { result: 'refused' }, heads.length - claims.length);
    return claims;
  }

  /** Heads that were not claimed: the ledger knows better what stands there now. */
  #giveBack(candidates: readonly Candidate[], claims: readonly Claim[]): void {
    const { dispatch, gate, clock } = this.#parts;
    const got = new Set(claims.map((claim) => `${claim.tenant}/${claim.u}`));
    const refused = candidates.filter(({ head }) => !got.has(`${head.tenant}/${head.u}`));
    for (const claim of claims) this.#refusals.delete(claim.tenant);
    for (const candidate of refused) {
      gate.abandon(candidate);
      dispatch.dispatcher.ended(candidate.head);
      dispatch.refused.note(candidate.head);
    }
    for (const tenant of new Set(refused.map(({ head }) => head.tenant))) {
      const times = this.#refusals.get(tenant) ?? 0;
      this.#refusals.set(tenant, times + 1);
      // A restaurant whose slots a dead sender still holds must not burn the others' instants.
      const wait = Math.min(LONGEST_REFUSAL_MS, REFUSAL_MS * 2 ** times);
      clock.after(wait, () => dispatch.look([tenant]));
    }
  }

  #deliver(
    claim: Claim,
    made: {
      claimedAt: number;
      rateEpoch: number | undefined;
      rate: boolean;
      candidate: Candidate | undefined;
    },
  ): void {
    const { dispatch, deliver, gate, onSettled, onFatal } = this.#parts;
    const { claimedAt, rateEpoch, rate, candidate } = made;
    const seen = { slot: dispatch.dispatcher.waitedForSlot(claim), rate, shut: this.#shutTimes(claim) };
    let asked = false;
    const reach = (deadline: number): Promise<Written | undefined> => {
      asked = true;
      return this.#pacer.reach(rateEpoch, deadline);
    };
    const work = (async () => {
      const tenant = this.#tenantOf(claim) ?? (await this.#refreshedTenantOf(claim));
      const sameAccount = candidate?.account === claim.accountSid;
      // No request, or one of another account: that breaker's permit is free again.
      if (candidate && !(tenant && sameAccount)) gate.abandon(candidate);
      const started = sameAccount ? candidate.started : undefined;
      const delivered = tenant
        ? await deliver({ claim, tenant, started, claimedAt, seen, reach })
        : await this.#parts.release(claim);
      if (!asked) this.#pacer.forgo(1, rateEpoch);
      dispatch.dispatcher.ended(claim);
      if (delivered.next) dispatch.offer([delivered.next]);
      else if (delivered.released) dispatch.look([claim.tenant]);
      onSettled();
    })();
    const tracked = work.catch(onFatal).finally(() => {
      this.#underWay.delete(tracked);
      this.#idle.wake();
    });
    this.#underWay.add(tracked);
  }

  /** When nothing like this could go, lately. Nearly always never. */
  #shutTimes({ tenant, sender, accountSid }: Claim): Shut[] {
    const { dispatch, breakers, clock } = this.#parts;
    const toWall = clock.wall() - clock.now();
    return [
      ...dispatch.pauseTimes
        .of(tenant, sender)
        .map(({ from, to }) => ({ reason: 'pause' as const, from, to })),
      ...breakers.lastTroubles(accountSid).map(({ from, to }) => ({
        reason: 'breaker' as const,
        from: from + toWall,
        to: to + toWall,
      })),
    ];
  }

  #tenantOf(claim: Claim): Tenant | undefined {
    const known = this.#parts.tenants.byId(claim.tenant);
    return known?.accountSid === claim.accountSid &&
      known.credentials === claim.credentials &&
      !known.unopened
      ? known
      : undefined;
  }

  /** The restaurant with the credentials that the claim was made for; undefined where ours is older and stays so. */
  async #refreshedTenantOf(claim: Claim): Promise<Tenant | undefined> {
    await this.#orWarn(this.#parts.tenants.refresh(), 'restaurants could not be read');
    return this.#tenantOf(claim);
  }

  /** What the ledger does not tell now it tells later: no reason to end. */
  async #orWarn(reading: Promise<void>, message: string): Promise<void> {
    try {
      await reading;
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      this.#parts.logger.warn({ err: error }, message);
    }
  }
}
