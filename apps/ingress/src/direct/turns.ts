import type { Clock } from '@mersal/delivery';

interface Waiter {
  readonly go: (mine: boolean) => void;
  readonly cancelTimer: () => void;
}

interface Line {
  busy: number;
  readonly waiting: Set<Waiter>;
}

/**
 * Who of a restaurant's callers may try for a slot: as many at a time as it has slots, the others in the order in which they
 * came. The slots themselves are rows of the ledger; this only keeps callers from asking for them all at once.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #lines = new Map<number, Line>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Restaurants somebody stands in line for. */
  get size(): number {
    return this.#lines.size;
  }

  /** Resolves with how to leave again, or undefined where it is not one's turn by `deadline` (monotonic, in ms). */
  async take(tenant: number, width: number, deadline: number): Promise<(() => void) | undefined> {
    const line = this.#lines.get(tenant) ?? { busy: 0, waiting: new Set<Waiter>() };
    this.#lines.set(tenant, line);
    if (line.busy < width) line.busy += 1;
    else if (!(await this.#wait(line, deadline))) return undefined;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave(tenant, line);
    };
  }

  #wait(line: Line, deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        go: (mine) => {
          line.waiting.delete(waiter);
          waiter.cancelTimer();
          resolve(mine);
        },
        cancelTimer: this.#clock.after(Math.max(0, deadline - this.#clock.now()), () => waiter.go(false)),
      };
      line.waiting.add(waiter);
    });
  }

  /** The turn goes to the first who waits. */
  #leave(tenant: number, line: Line): void {
    const [next] = line.waiting;
    if (next) {
      next.go(true);
      return;
    }
    line.busy -= 1;
    if (line.busy === 0) this.#lines.delete(tenant);
  }
}
