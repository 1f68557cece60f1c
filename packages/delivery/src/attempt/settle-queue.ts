import type { Ledger, Settled, Settlement } from '@mersal/ledger';
import type { Clock } from '../clock/clock.js';

interface Waiting {
  readonly settlement: Settlement;
  readonly done: (settled: Settled) => void;
}

const MOST_AT_ONCE = 200;

/**
 * Gathers settlements into common transactions: while one is under way the next gather. While the database is away
 * they wait here, bounded by the claims that can be under way; `retryMs` later they are tried again.
 */
export class SettleQueue {
  readonly #ledger: Ledger;
  readonly #onError: (error: unknown) => void;
  readonly #retryMs: number;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(ledger: Ledger, options: { retryMs: number; clock: Clock; onError: (error: unknown) => void }) {
    this.#ledger = ledger;
    this.#onError = options.onError;
    this.#retryMs = options.retryMs;
    this.#clock = options.clock;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves once the settlement is committed. */
  settle(settlement: Settlement): Promise<Settled> {
    return new Promise((done) => {
      this.#waiting.push({ settlement, done });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Lets answers that arrive in the same turn of the event loop share a transaction.
    await this.#clock.turn();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_AT_ONCE);
      try {
        const settled = await this.#ledger.settle(batch.map((one) => one.settlement));
        for (const [at, one] of batch.entries()) one.done(settled[at] as Settled);
      } catch (error) {
        this.#onError(error);
        this.#waiting.unshift(...batch);
        await this.#clock.sleep(this.#retryMs);
      }
    }
    this.#running = false;
  }
}
