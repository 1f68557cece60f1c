import type { Logger } from '@mersal/telemetry';
import type { Clock } from '../clock/clock.js';

/** How often a process says how it fares, in ms. */
const EVERY_MS = 2_000;

export interface Beats {
  /** Resolves once nothing more is told. */
  stop(): Promise<void>;
}

/** Tells again and again, one at a time; what could not be told is told with the next. */
export function beats(
  tell: () => Promise<void>,
  clock: Pick<Clock, 'every'>,
  logger: Pick<Logger, 'warn'>,
  trouble: string,
): Beats {
  let telling: Promise<void> | undefined;
  const stop = clock.every(EVERY_MS, () => {
    telling ??= tell()
      .catch((error: unknown) => logger.warn({ err: error }, trouble))
      .finally(() => {
        telling = undefined;
      });
  });
  return {
    async stop() {
      stop();
      await telling;
    },
  };
}
