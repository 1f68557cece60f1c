/** What was opened, closed in the reverse order. Opened after the end, it is closed at once. */
export class Closers {
  #stack: (() => unknown)[] = [];
  #closed = false;

  async add(close: () => unknown): Promise<void> {
    if (this.#closed) await close();
    else this.#stack.push(close);
  }

  /** Closes all, also after a failure, and rejects with the first. */
  async close(): Promise<void> {
    this.#closed = true;
    const failures: unknown[] = [];
    for (const close of this.#stack.splice(0).toReversed()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
