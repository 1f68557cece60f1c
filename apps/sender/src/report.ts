import type { Ledger } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';

const EVERY_MS = 60_000;

/** Logs the queue's numbers once a minute. */
export function reportMetrics(ledger: Ledger, logger: Logger): { stop(): void } {
  const timer = setInterval(() => {
    ledger.counts().then(
      ({ waiting, active, completed, failed, delayed, tenantConcurrency }) =>
        logger.info(
          {},
          `📊 Metrics: ${JSON.stringify({ waiting, active, completed, failed, delayed, tenantConcurrency })}`,
        ),
      (error: unknown) => logger.warn({ err: error }, 'the metrics could not be read'),
    );
  }, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}
