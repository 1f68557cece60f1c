import { LedgerError } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import type { Clock } from '../clock/clock.js';

/** What has to be looked at again and again because only time makes it true. */
export interface Chore {
  readonly name: string;
  /** Between the end of one and the beginning of the next, in ms. */
  readonly everyMs: number;
  /** Ends early once the signal is aborted, where it may take long. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/**
 * Runs a chore until the signal is aborted, never twice at once. A ledger that does not answer is told of and asked again; any other
 * error ends it: the promise is rejected with that.
 */
export async function repeat(
  chore: Chore,
  by: {
    readonly clock: Pick<Clock, 'sleep'>;
    readonly logger: Pick<Logger, 'warn'>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { clock, logger, signal } = by;
  while (!signal.aborted) {
    try {
      await chore.run(signal);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      logger.warn({ err: error, chore: chore.name }, `${chore.name}: the ledger does not answer`);
    }
    await clock.sleep(chore.everyMs, signal);
  }
}
