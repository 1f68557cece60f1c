import type { Breakers, StartedBoth } from '@mersal/lanes';
import { type Claim, type Ledger, LedgerError, type Ownership, type Tenant } from '@mersal/ledger';
import { type GlobalRate, type Instant, RateUnavailable } from '@mersal/limits';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { Clock } from '../clock/clock.js';
import { Nap } from '../clock/nap.js';
import type { Delivered, Delivery } from '../delivery/deliver-message.js';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import type { Dispatch } from './dispatch.js';
import type { Candidate, Gate } from './gate.js';
import { ClaimTime } from './claim-time.js';
import { SpareInstants } from './spare-instants.js';

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

/** The next reservation is asked for this long before the last instant of the one before, in ms: time for its claims. */
const AHEAD_MS = 100;
/** Claims under way at once: while one waits for the ledger the next is made. */
const ROUNDS = 2;
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
 *   something ready, a socket free ─► reserve instants ─► pick as many heads ─► gate ─► claim ─► deliver each at its instant
 *              ▲                        ▲ left over ◄──────────┤        │         │ refused
 *              └──────── settled ◄──────┴──────────────────────┴────────┴─────────┘ pick another, once
 *
 * Two such rounds are under way at once.
 */
export class Engine {
  readonly #parts: EngineParts;
  readonly #underWay = new Set<Promise<void>>();
  readonly #rounds = new Set<Promise<void>>();
  readonly #refusals = new Map<number, number>();
  readonly #idle: Nap;
  readonly #spare: SpareInstants;
  readonly #claimTime = new ClaimTime();
  #running: Promise<void> | undefined;
  /** Picked and not yet claimed. */
  #claiming = 0;
  #nextAt = 0;
  #stopping = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#idle = new Nap(parts.clock);
    this.#spare = new SpareInstants(parts.clock);
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
      const most = this.#room();
      if (most <= 0) {
        const next = Math.min(
          dispatcher.nextReady ?? Number.POSITIVE_INFINITY,
          this.#parts.breakers.provider.retryAt(this.#parts.clock.now()) ?? Number.POSITIVE_INFINITY,
        );
        await this.#idle.sleep(Math.max(1, Math.min(IDLE_MS, next - clock.now())));
      } else if (this.#nextAt > clock.now()) {
        await clock.sleep(this.#nextAt - clock.now());
      } else if (this.#rounds.size >= ROUNDS) {
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

  /** Reserves instants and begins a round with them. */
  async #begin(most: number): Promise<void> {
    const { rate, metrics } = this.#parts;
    try {
      const spare = this.#spare.take(most);
      if (spare) {
        this.#round(spare.instants, spare.epoch);
        return;
      }
      const reserved = await rate.reserve(most, this.#claimTime.leadMs);
      if (reserved.kind === 'wait') {
        this.#nextAt = reserved.retryAt;
        return;
      }
      metrics.count('mersal_rate_instants', { result: 'reserved' }, reserved.instants.length);
      const last = reserved.instants.at(-1);
      this.#nextAt = last ? last.at - AHEAD_MS : 0;
      this.#round(reserved.instants, reserved.epoch);
    } catch (error) {
      await this.#recover(error);
    }
  }

  #round(instants: readonly Instant[], rateEpoch: number | undefined): void {
    const round = this.#use(instants, rateEpoch)
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
      this.#spare.drop();
      await this.#orWarn(onRateEpoch(), 'the rate group could not be read');
    } else logger.warn({ err: error, code: error.code }, 'dispatch pauses');
  }

  /** Claims heads for the instants; a head that was refused makes way for another, once. */
  async #use(instants: readonly Instant[], rateEpoch: number | undefined): Promise<void> {
    const { clock, dispatch, gate } = this.#parts;
    let left = [...instants];
    for (let attempt = 0; attempt < 2 && left.length > 0; attempt += 1) {
      const picked = dispatch.dispatcher.pick(left.length);
      this.#claiming += picked.length;
      const claimedAt = clock.now();
      let claims: readonly Claim[] = [];
      try {
        const candidates = await gate.admit(picked);
        claims = await this.#claim(candidates, rateEpoch);
        this.#claimTime.took(clock.now() - claimedAt);
        left = left.filter((instant) => instant.isValid(clock.now()));
        for (const claim of claims) {
          const started = candidates.find(
            ({ head }) => head.u === claim.u && head.tenant === claim.tenant,
          )?.started;
          this.#deliver(claim, started, { claimedAt, rateEpoch, instant: left.shift() ?? missed });
        }
      } finally {
        this.#claiming -= picked.length;
      }
      if (claims.length === 0 && dispatch.dispatcher.available(1) === 0) break;
    }
    this.#spare.keep(left, rateEpoch);
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
    for (const { head, started } of refused) {
      gate.abandon(head, started);
      dispatch.dispatcher.ended(head);
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
    started: StartedBoth | undefined,
    permit: { claimedAt: number; rateEpoch: number | undefined; instant: Instant },
  ): void {
    const { dispatch, deliver, onSettled, onFatal } = this.#parts;
    const work = (async () => {
      const tenant = this.#tenantOf(claim) ?? (await this.#refreshedTenantOf(claim));
      const renew = (): Promise<Instant | undefined> => this.#renew(permit.rateEpoch);
      const delivered = tenant
        ? await deliver({
            claim,
            tenant,
            started,
            claimedAt: permit.claimedAt,
            instant: permit.instant,
            renew,
          })
        : await this.#parts.release(claim);
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

  #tenantOf(claim: Claim): Tenant | undefined {
    const known = this.#parts.tenants.byId(claim.tenant);
    return known?.accountSid === claim.accountSid ? known : undefined;
  }

  /** The restaurant with the account that the claim was made for; undefined where ours is older and stays so. */
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

  /** One more instant of the same epoch. */
  async #renew(rateEpoch: number | undefined): Promise<Instant | undefined> {
    this.#parts.metrics.count('mersal_rate_instants', { result: 'missed' });
    try {
      const reserved = await this.#parts.rate.reserve(1);
      if (reserved.kind === 'wait') {
        await this.#parts.clock.sleep(Math.max(1, reserved.retryAt - this.#parts.clock.now()));
        return missed;
      }
      return reserved.epoch === rateEpoch ? reserved.instants[0] : undefined;
    } catch (error) {
      if (error instanceof RateUnavailable) return undefined;
      throw error;
    }
  }
}

const missed: Instant = { at: 0, isValid: () => false };
