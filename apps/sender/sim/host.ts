import type { Clock } from '@mersal/delivery';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

/** 2027-01-15T08:00:00Z, when every simulation begins by the true clock. */
export const EPOCH_MS = 1_800_000_000_000;

/**
 * A process with its clocks.
 *
 *   running ◄──► frozen      everything that arrives meanwhile happens at once when it thaws
 *      └──► dead             nothing happens any more, and nothing leaves it
 */
export class Host {
  readonly name: string;
  readonly #timeline: Timeline;
  readonly #random: Random;
  #frozenUntil = 0;
  #dead = false;
  /** Counts down over the calls that leave the process; at 0 it dies before the call. */
  #diesAfter = Number.POSITIVE_INFINITY;
  #freezeOnClaim: () => void = () => undefined;
  #onDeath: () => void = () => undefined;
  /** How far its wall clock is off, in ms. */
  skew = 0;
  readonly #origin: number;

  constructor(name: string, timeline: Timeline, random: Random) {
    this.name = name;
    this.#timeline = timeline;
    this.#random = random;
    this.#origin = random.between(1_000, 1e7);
  }

  get isDead(): boolean {
    return this.#dead;
  }

  get isFrozen(): boolean {
    return !this.#dead && this.#timeline.now < this.#frozenUntil;
  }

  onDeath(tell: () => void): void {
    this.#onDeath = tell;
  }

  crash(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#onDeath();
  }

  /** Dies right before the n-th call that leaves it from now on. */
  crashAtCall(n: number): void {
    this.#diesAfter = n;
  }

  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#timeline.now + ms);
  }

  /** Stands still between its next claim and the request that follows. */
  freezeOnClaim(freeze: () => void): void {
    this.#freezeOnClaim = freeze;
  }

  /** The ledger gave it a claim. */
  claimed(): void {
    const freeze = this.#freezeOnClaim;
    this.#freezeOnClaim = () => undefined;
    freeze();
  }

  /** Whether a call leaves the process. */
  leaves(): boolean {
    this.#diesAfter -= 1;
    if (this.#diesAfter < 0) this.crash();
    return !this.#dead;
  }

  /** Something reaches the process after `ms`: later where it is frozen then, never where it is dead. */
  deliver(ms: number, run: () => void): () => void {
    let cancelled = false;
    const arrive = (): void => {
      if (cancelled || this.#dead) return;
      if (this.#timeline.now < this.#frozenUntil) this.#timeline.at(this.#frozenUntil, arrive);
      else run();
    };
    const cancel = this.#timeline.after(ms, arrive);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Something reaches the process within this step, or, where it is frozen, once it thaws. */
  deliverAtOnce(run: () => void): void {
    if (this.isFrozen) this.deliver(0, run);
    else if (!this.#dead) run();
  }

  readonly clock: Clock = {
    now: () => this.#origin + this.#timeline.now,
    wall: () => Math.round(EPOCH_MS + this.#timeline.now + this.skew),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) {
          resolve();
          return;
        }
        const end = (): void => {
          cancel();
          signal?.removeEventListener('abort', end);
          resolve();
        };
        const cancel = this.deliver(this.#late(ms), end);
        signal?.addEventListener('abort', end);
      }),
    after: (ms, run) => this.deliver(this.#late(ms), run),
    every: (ms, run) => {
      let cancel: () => void = () => undefined;
      const again = (): void => {
        cancel = this.deliver(this.#late(ms), () => {
          again();
          run();
        });
      };
      again();
      return () => cancel();
    },
    turn: () => new Promise((resolve) => this.deliver(0, resolve)),
  };

  /** Timers are late: mostly by a little, sometimes by a collection of garbage. */
  #late(ms: number): number {
    return Math.max(0, ms) + (this.#random.chance(0.02) ? this.#random.between(5, 40) : this.#random.next());
  }
}
