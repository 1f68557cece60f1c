/** What a redrive or a replay did, or would do: matched = sent + skipped. */
export interface Tally {
  readonly matched: number;
  /** Published; where nothing is carried out, what would be. */
  readonly sent: number;
  readonly skipped: number;
  /** The skipped ones by why. */
  readonly reasons: Readonly<Record<string, number>>;
}

export class Counter {
  #sent = 0;
  readonly #reasons = new Map<string, number>();

  constructor(from: Pick<Tally, 'sent' | 'reasons'> = { sent: 0, reasons: {} }) {
    this.#sent = from.sent;
    for (const [reason, count] of Object.entries(from.reasons)) this.#reasons.set(reason, count);
  }

  sent(count: number): void {
    this.#sent += count;
  }

  skipped(reason: string, count = 1): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + count);
  }

  get tally(): Tally {
    const skipped = [...this.#reasons.values()].reduce((sum, count) => sum + count, 0);
    return {
      matched: this.#sent + skipped,
      sent: this.#sent,
      skipped,
      reasons: Object.fromEntries([...this.#reasons].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}
