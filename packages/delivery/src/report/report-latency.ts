import type { LatencyCounts } from '@mersal/ledger';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { Clock } from '../clock/clock.js';
import { type Beats, beats } from './beats.js';
import { LatencyWindow } from './latency-window.js';

/** Both as the histograms of the same name have them, of the last minute. */
export class Latency {
  readonly #wait: LatencyWindow;
  readonly #call: LatencyWindow;

  constructor(now: () => number) {
    this.#wait = new LatencyWindow(now);
    this.#call = new LatencyWindow(now);
  }

  /** Metrics that are counted here, too. */
  seenThrough(metrics: Metrics): Metrics {
    return {
      ...metrics,
      observe: (name, seconds, labels) => {
        if (name === 'mersal_wait_duration') this.#wait.observe(seconds);
        if (name === 'mersal_attempt_duration') this.#call.observe(seconds);
        metrics.observe(name, seconds, labels);
      },
    };
  }

  counts(): LatencyCounts {
    return { wait: this.#wait.counts(), call: this.#call.counts() };
  }
}

/** Tells every 2 s how long messages waited and calls took, also where there were none: silence is not known to be none. */
export function reportLatency(
  latency: Latency,
  tell: (counts: LatencyCounts) => Promise<void>,
  clock: Pick<Clock, 'every'>,
  logger: Pick<Logger, 'warn'>,
): Beats {
  return beats(() => tell(latency.counts()), clock, logger, 'the latencies could not be told of');
}
