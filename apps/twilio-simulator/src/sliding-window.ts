/** Counts instants of the last `widthMs`: half-open, an instant exactly that old is out. Times must not decrease. */
export class SlidingWindow {
  readonly #widthMs: number;
  #times: number[] = [];
  #head = 0;

  constructor(widthMs: number) {
    this.#widthMs = widthMs;
  }

  count(atMs: number): number {
    while (this.#head < this.#times.length && atMs - (this.#times[this.#head] ?? 0) >= this.#widthMs)
      this.#head += 1;
    if (this.#head > 4_096 && this.#head * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
    return this.#times.length - this.#head;
  }

  /** Adds an instant and returns the count including it. */
  add(atMs: number): number {
    this.#times.push(atMs);
    return this.count(atMs);
  }
}
