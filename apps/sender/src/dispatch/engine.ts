import { type Candidate, type Claim, type Ledger, LedgerError, type Tenant } from '@mersal/ledger';
import { type GlobalRate, type Instant, RateUnavailable } from '@mersal/limits';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { Clock } from '../clock/clock.js';
import { Nap } from '../clock/nap.js';
import type { Delivered, Delivery } from '../delivery/deliver-message.js';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import type { Dispatch } from './dispatch.js';

export interface EngineParts {
  readonly ledger: Ledger;
  readonly dispatch: Dispatch;
  readonly owned: OwnedPartitions;
  readonly tenants: TenantDirectory;
  readonly rate: GlobalRate;
  readonly deliver: (delivery: Delivery) => Promise<Delivered>;
  readonly release: (claim: Claim) => Promise<Delivered>;
  readonly onSettled: () => void;
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

/** The next reservation is asked for this long before the last instant of the one before, in ms. */
const AHEAD_MS = 40;
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
 *   something ready, a socket free ─► reserve instants ─► pick as many heads ─► claim ─► deliver each at its instant
 *              ▲                                             ▲        │ refused
 *              └───────────── settled ◄──────────────────────┴────────┘ pick another, once
 */
export class Engine {
  readonly #parts: EngineParts;
  readonly #underWay = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  readonly #refusals = new Map<number, number>();
  readonly #idle: Nap;
  #stopping = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#idle = new Nap(parts.clock);
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
    await Promise.allSettled(this.#underWay);
  }

  async #loop(): Promise<void> {
    const { dispatch, rate, clock, sockets, logger } = this.#parts;
    let nextAt = 0;
    while (!this.#stopping) {
      if (dispatch.wantsRefill)
        void dispatch
          .refill()
          .catch((error: unknown) => logger.warn({ err: error }, 'heads could not be read'));
      const most = Math.min(
        rate.atOnce,
        sockets - this.#underWay.size,
        dispatch.dispatcher.available(rate.atOnce),
      );
      if (most <= 0) {
        await this.#idle.sleep(IDLE_MS);
        continue;
      }
      if (nextAt > clock.now()) await clock.sleep(nextAt - clock.now());
      try {
        const reserved = await rate.reserve(most);
        if (reserved.kind === 'wait') {
          nextAt = reserved.retryAt;
          continue;
        }
        const last = reserved.instants.at(-1);
        nextAt = last ? last.at - AHEAD_MS : 0;
        await this.#use(reserved.instants, reserved.epoch);
      } catch (error) {
        if (!(error instanceof RateUnavailable) && !(error instanceof LedgerError)) throw error;
        if (error.code === 'rate_epoch') await this.#parts.onRateEpoch();
        else logger.warn({ err: error, code: error.code }, 'dispatch pauses');
        await clock.sleep(PAUSE_MS);
      }
    }
  }

  /** Claims heads for the instants; a head that was refused makes way for another, once. */
  async #use(instants: readonly Instant[], rateEpoch: number | undefined): Promise<void> {
    let left = [...instants];
    for (let round = 0; round < 2 && left.length > 0; round += 1) {
      const claimedAt = this.#parts.clock.now();
      const claims = await this.#claim(this.#parts.dispatch.dispatcher.pick(left.length), rateEpoch);
      const usable = left.filter((instant) => instant.isValid(this.#parts.clock.now()));
      for (const claim of claims)
        this.#deliver(claim, { claimedAt, rateEpoch, instant: usable.shift() ?? missed });
      left = usable;
      if (claims.length === 0 && this.#parts.dispatch.dispatcher.available(1) === 0) return;
    }
  }

  async #claim(picked: readonly Candidate[], rateEpoch: number | undefined): Promise<readonly Claim[]> {
    if (picked.length === 0) return [];
    const { ledger, dispatch, owned, tenants, limits, logger, metrics } = this.#parts;
    const partitions = new Set(picked.map((head) => tenants.byId(head.tenant)?.partition ?? -1));
    const ownerships = [...partitions].flatMap((partition) => owned.get(partition) ?? []);
    let claims: readonly Claim[] = [];
    try {
      const answer = await ledger.claim(ownerships, picked, { ...limits, rateEpoch });
      claims = answer.claims;
      for (const partition of answer.fenced) {
        logger.warn({ partition }, 'another sender owns this partition now');
        const own = ownerships.find((one) => one.partition === partition);
        if (owned.remove(partition, own)) dispatch.forget(partition);
      }
    } finally {
      this.#giveBack(picked, claims);
    }
    metrics.count('mersal_claims', { result: 'claimed' }, claims.length);
    metrics.count('mersal_claims', { result: 'refused' }, picked.length - claims.length);
    return claims;
  }

  /** Heads that were not claimed: the ledger knows better what stands there now. */
  #giveBack(heads: readonly Candidate[], claims: readonly Claim[]): void {
    const got = new Set(claims.map((claim) => `${claim.tenant}/${claim.u}`));
    const refused = heads.filter((head) => !got.has(`${head.tenant}/${head.u}`));
    for (const head of refused) this.#parts.dispatch.dispatcher.ended(head);
    for (const claim of claims) this.#refusals.delete(claim.tenant);
    for (const tenant of new Set(refused.map((head) => head.tenant))) {
      const times = this.#refusals.get(tenant) ?? 0;
      this.#refusals.set(tenant, times + 1);
      // A restaurant whose slots a dead sender still holds must not burn the others' instants.
      const wait = Math.min(LONGEST_REFUSAL_MS, REFUSAL_MS * 2 ** times);
      this.#parts.clock.after(wait, () => this.#parts.dispatch.look([tenant]));
    }
  }

  #deliver(
    claim: Claim,
    permit: { claimedAt: number; rateEpoch: number | undefined; instant: Instant },
  ): void {
    const { dispatch, deliver, onSettled, onFatal } = this.#parts;
    const work = (async () => {
      const tenant = await this.#tenantOf(claim);
      const renew = (): Promise<Instant | undefined> => this.#renew(permit.rateEpoch);
      const delivered = tenant
        ? await deliver({ claim, tenant, claimedAt: permit.claimedAt, instant: permit.instant, renew })
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

  /** The restaurant with the account that the claim was made for; undefined where ours is older and stays so. */
  async #tenantOf(claim: Claim): Promise<Tenant | undefined> {
    const { tenants } = this.#parts;
    const known = tenants.byId(claim.tenant);
    if (known?.accountSid === claim.accountSid) return known;
    await tenants.refresh();
    const fresh = tenants.byId(claim.tenant);
    return fresh?.accountSid === claim.accountSid ? fresh : undefined;
  }

  /** One more instant of the same epoch. */
  async #renew(rateEpoch: number | undefined): Promise<Instant | undefined> {
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
