import type { Head } from '@mersal/lanes';

/** Beyond these, more are forgotten: each is refused again where it stands still. */
const MOST = 500;

/** Heads that the ledger would not let be claimed. Mostly their slot was gone; one whose message ended is to be passed. */
export class RefusedHeads {
  readonly #heads = new Map<string, Head>();

  note(head: Head): void {
    if (this.#heads.size < MOST) this.#heads.set(`${head.tenant}/${head.u}`, head);
  }

  /** All since the last call. */
  take(): Head[] {
    const heads = [...this.#heads.values()];
    this.#heads.clear();
    return heads;
  }
}
