import { type GlobalRate, type Instant, RateUnavailable } from '@mersal/limits';
import type { Metrics } from '@mersal/telemetry';
import type { Clock } from '../clock/clock.js';

export interface PacerParts {
  readonly rate: GlobalRate;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export type Permits =
  /** So many claims may be made; each then reaches an instant, or forgoes it. */
  | { readonly kind: 'permits'; readonly count: number; readonly epoch: number | undefined }
  | { readonly kind: 'wait'; readonly retryAt: number };

/** To be called once the request is written: the rate counts it as late as it may have been until then. */
export type Written = () => void;

interface Waiter {
  readonly deadline: number;
  readonly done: (reached: Written | undefined) => void;
}

/*
 * Instants of the global rate, and who writes a request at them. They are reserved before the claims are made, but belong to
 * none of them: at each one the request that waits longest is written, so that a claim that was slow costs no instant and
 * asks for none by itself.
 *
 *   reserve ─► instants, promised to claims ─► claimed ─► reach ─► written at the next instant
 *                 │      └ not claimed: spare, for the next claims      │
 *                 └ over before anybody was there, or woken too late    └ none left: one reservation for all who wait
 *
 * All are of one epoch of the rate group: with a new one they are void, and who waits for them gives its claim back.
 * The rate is told when the request of an instant was written, and of those that were for nothing: others may have their place.
 */
export class Pacer {
  readonly #parts: PacerParts;
  #instants: Instant[] = [];
  #waiting: Waiter[] = [];
  #epoch: number | undefined;
  /** Claims that are being made, or were and have not asked for their instant yet. */
  #promised = 0;
  #reserving = false;
  #cancelTimer: (() => void) | undefined;

  constructor(parts: PacerParts) {
    this.#parts = parts;
  }

  /** Instants for up to `most` claims that will be made `readyInMs` from now. Throws RateUnavailable. */
  async reserve(most: number, readyInMs: number): Promise<Permits> {
    this.#dropLost();
    if (this.#spare <= 0) {
      // Those who wait come first: instants are lost now and then, and claims that only wait hold slots.
      const reserved = await this.#parts.rate.reserve(most - this.#spare, readyInMs);
      if (reserved.kind === 'wait') return reserved;
      this.#keep(reserved.instants, reserved.epoch);
    }
    if (this.#spare <= 0) return { kind: 'wait', retryAt: this.lastAt - readyInMs };
    const count = Math.min(most, this.#spare);
    this.#promised += count;
    return { kind: 'permits', count, epoch: this.#epoch };
  }

  /** The last instant that is reserved; -Infinity: none is. */
  get lastAt(): number {
    return this.#instants.at(-1)?.at ?? Number.NEGATIVE_INFINITY;
  }

  /** Claims of this epoch that were permitted and are not made, or end without a request. */
  forgo(count: number, epoch: number | undefined): void {
    if (epoch === this.#epoch) this.#promised = Math.max(0, this.#promised - count);
  }

  /** Resolves at the instant at which the request is to be written; with undefined: not by `deadline`, or never. */
  reach(epoch: number | undefined, deadline: number): Promise<Written | undefined> {
    if (epoch !== this.#epoch) return Promise.resolve(undefined);
    this.forgo(1, epoch);
    return new Promise((done) => {
      this.#waiting.push({ deadline, done });
      this.#pump();
    });
  }

  /** The senders keep the rate in another way now. */
  drop(): void {
    for (const instant of this.#instants.splice(0)) instant.unused();
    this.#promised = 0;
    this.#epoch = undefined;
    for (const waiter of this.#waiting.splice(0)) waiter.done(undefined);
  }

  /** Instants that nobody waits for, nor is promised. */
  get #spare(): number {
    return this.#instants.length - this.#waiting.length - this.#promised;
  }

  #keep(instants: readonly Instant[], epoch: number | undefined): void {
    if (epoch !== this.#epoch) this.drop();
    this.#epoch = epoch;
    const last = this.#instants.at(-1);
    this.#instants.push(...instants);
    if (last && instants[0] && instants[0].at < last.at) this.#instants.sort((a, b) => a.at - b.at);
    this.#parts.metrics.count('mersal_rate_instants', { result: 'reserved' }, instants.length);
  }

  #dropLost(): void {
    const now = this.#parts.clock.now();
    let lost = 0;
    while (this.#instants[lost]?.isValid(now) === false) lost += 1;
    if (lost === 0) return;
    for (const instant of this.#instants.splice(0, lost)) instant.unused();
    const late = Math.min(lost, this.#waiting.length);
    this.#parts.metrics.count('mersal_rate_instants', { result: 'late' }, late);
    this.#parts.metrics.count('mersal_rate_instants', { result: 'unused' }, lost - late);
  }

  /** Lets those write whose instant has come, and sees to the next. */
  #pump(): void {
    const { clock } = this.#parts;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dropLost();
    const now = clock.now();
    while (this.#waiting[0] && this.#waiting[0].deadline < now) this.#waiting.shift()?.done(undefined);
    while (this.#waiting.length > 0 && this.#instants[0] && this.#instants[0].at <= now) {
      const instant = this.#instants.shift() as Instant;
      let isTold = false;
      this.#waiting.shift()?.done(() => {
        if (!isTold) instant.written(clock.now());
        isTold = true;
      });
    }
    if (this.#waiting.length === 0) return;
    const next = this.#instants[0];
    if (next) this.#pumpAt(next.at);
    else void this.#reserveForWaiting();
  }

  #pumpAt(at: number): void {
    const { clock } = this.#parts;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(Math.max(0, at - clock.now()), () => this.#pump());
  }

  async #reserveForWaiting(): Promise<void> {
    if (this.#reserving) return;
    this.#reserving = true;
    const epoch = this.#epoch;
    try {
      const reserved = await this.#parts.rate.reserve(this.#waiting.length);
      if (reserved.kind === 'instants') this.#keep(reserved.instants, reserved.epoch);
      else if (this.#epoch === epoch) this.#pumpAt(reserved.retryAt);
      if (reserved.kind === 'instants') this.#pumpAt(0);
    } catch (error) {
      if (!(error instanceof RateUnavailable)) throw error;
      // Without a rate nothing is written: the claims go back, and are made again once there is one.
      for (const waiter of this.#waiting.splice(0)) waiter.done(undefined);
    } finally {
      this.#reserving = false;
    }
  }
}
