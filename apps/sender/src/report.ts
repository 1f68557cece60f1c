import type { Clock } from '@mersal/delivery';
import type { Ledger } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';

const EVERY_MS = 60_000;

/** Logs the queue's numbers once a minute. */
export function reportMetrics(
  ledger: Pick<Ledger, 'counts'>,
  clock: Clock,
  logger: Logger,
): { stop(): void } {
  const stop = clock.every(EVERY_MS, () => {
    ledger.counts().then(
      ({ waiting, active, completed, failed, delayed, tenantConcurrency }) =>
        logger.info(
          {},
          `📊 Metrics: ${JSON.stringify({ waiting, active, completed, failed, delayed, tenantConcurrency })}`,
        ),
      (error: unknown) => logger.warn({ err: error }, 'the metrics could not be read'),
    );
  });
  return { stop };
}
