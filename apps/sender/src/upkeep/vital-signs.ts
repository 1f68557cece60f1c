import type { Clock } from '@mersal/delivery';
import type { Ledger, Vitals } from '@mersal/ledger';
import type { Metrics } from '@mersal/telemetry';

/** Older than this they say nothing any more, in ms: what can't be known is not reported, and an alert on it fires. */
const STALE_MS = 30_000;

/** The vitals of this sender's partitions, as its metrics show them. */
export class VitalSigns {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  #last: { readonly at: number; readonly vitals: Vitals } | undefined;

  constructor(parts: { readonly ledger: Ledger; readonly clock: Clock; readonly metrics: Metrics }) {
    this.#ledger = parts.ledger;
    this.#clock = parts.clock;
    const gauge = (
      name: 'mersal_unknown' | 'mersal_undecided' | 'mersal_oldest_head_age',
      of: (vitals: Vitals) => number,
    ) => parts.metrics.gauge(name, () => (this.#fresh ? of(this.#fresh) : null));
    gauge('mersal_unknown', (vitals) => vitals.unknown);
    gauge('mersal_undecided', (vitals) => vitals.undecided);
    gauge('mersal_oldest_head_age', (vitals) => (vitals.oldestHeadMs ?? 0) / 1_000);
  }

  async read(partitions: readonly number[]): Promise<void> {
    this.#last = { vitals: await this.#ledger.readVitals(partitions), at: this.#clock.now() };
  }

  get #fresh(): Vitals | undefined {
    return this.#last && this.#clock.now() - this.#last.at < STALE_MS ? this.#last.vitals : undefined;
  }
}
