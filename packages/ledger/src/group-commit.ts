import { LedgerError } from './errors.js';

interface Waiting<Call, Result> {
  readonly call: Call;
  readonly done: (result: Result) => void;
  readonly failed: (error: unknown) => void;
}

export interface GroupCommitOptions<Call, Result> {
  /** Carries all out in one transaction; one result a call, in order. */
  readonly run: (calls: readonly Call[]) => Promise<readonly Result[]>;
  /** The first waits this long for others, in ms. */
  readonly lingerMs: number;
  /** Most calls in a transaction. */
  readonly most: number;
}

/**
 * Calls that come at about the same time share a transaction, and those that come while it runs share the next. Where one of
 * them is refused (another owner, a gap), each is carried out by itself, so that none suffers for another.
 */
export class GroupCommit<Call, Result> {
  readonly #options: GroupCommitOptions<Call, Result>;
  #waiting: Waiting<Call, Result>[] = [];
  #running = false;

  constructor(options: GroupCommitOptions<Call, Result>) {
    this.#options = options;
  }

  call(call: Call): Promise<Result> {
    return new Promise((done, failed) => {
      this.#waiting.push({ call, done, failed });
      if (this.#running) return;
      this.#running = true;
      setTimeout(() => void this.#loop(), this.#options.lingerMs);
    });
  }

  async #loop(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, this.#options.most));
    this.#running = false;
  }

  async #commit(group: readonly Waiting<Call, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(group.map((one) => one.call));
      for (const [n, one] of group.entries()) one.done(results[n] as Result);
    } catch (error) {
      const refused = error instanceof LedgerError && error.code !== 'unavailable';
      if (group.length === 1 || !refused) for (const one of group) one.failed(error);
      else for (const one of group) await this.#commit([one]);
    }
  }
}
