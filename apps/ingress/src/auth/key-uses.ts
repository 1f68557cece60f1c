import { type Database, noteKeyUses } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';

/** How late `lastUsedAt` may be, in ms. */
const FLUSH_EVERY_MS = 2_000;

export interface KeyUsesOptions {
  readonly database: Pick<Database, 'run'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly wallClock: () => number;
}

/** When keys were used last: gathered here and written together, so that no request waits for it. One entry a valid key. */
export class KeyUses {
  readonly #options: KeyUsesOptions;
  #uses = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: KeyUsesOptions) {
    this.#options = options;
  }

  note(keyId: string): void {
    this.#uses.set(keyId, this.#options.wallClock());
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_EVERY_MS);
  }

  /** Writes what was gathered. What could not be written is tried again with the next use. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const uses = this.#uses;
    if (uses.size === 0) return;
    this.#uses = new Map();
    try {
      await this.#options.database.run(noteKeyUses(uses));
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'when keys were used last could not be written');
      this.#uses = new Map([...uses, ...this.#uses]);
    }
  }
}
