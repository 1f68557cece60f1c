import {
  encodeEvent,
  encodeHeaders,
  partitionFor,
  templateAlert,
  type TemplateAlert,
} from '@mersal/contracts';
import type { OutRecord, Publisher } from '@mersal/kafka';
import { type Database, publishAlertEvents } from '@mersal/ledger';
import type { Logger, Metrics } from '@mersal/telemetry';

const AT_ONCE = 100;

export interface AlertPublishingOptions {
  readonly database: Database;
  readonly publisher: Publisher;
  readonly topic: string;
  readonly partitions: number;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
}

/**
 * Tells alerts to the log and to Kafka, in their order. Each has one id for good: a process that dies between Kafka's answer and the
 * note of it leaves the record to be published once more, under the same id.
 */
export class AlertPublishing {
  readonly #options: AlertPublishingOptions;
  /** Told to the log, and not noted as published yet. */
  readonly #logged = new Set<number>();

  constructor(options: AlertPublishingOptions) {
    this.#options = options;
  }

  /** Resolves once nothing waits, or with what could not be published. */
  async publishAll(): Promise<void> {
    const { database, publisher, topic, partitions } = this.#options;
    for (;;) {
      const told = await publishAlertEvents(database, AT_ONCE, async (waiting) => {
        const alerts = waiting.map(({ id, event }) => ({ id, alert: templateAlert.parse(event) }));
        for (const { id, alert } of alerts) {
          if (this.#logged.has(id)) continue;
          this.#logged.add(id);
          this.#log(alert);
        }
        await publisher.publish(alerts.map(({ alert }) => toRecord(alert, topic, partitions)));
      });
      if (told === 0) return;
      this.#logged.clear();
    }
  }

  #log(alert: TemplateAlert): void {
    const { logger, metrics } = this.#options;
    const { state, scope, key, cause, distinctHashes, missRate, requests, message } = alert;
    const openedAt = new Date(alert.openedAt).toISOString();
    const fields = { state, scope, key, cause, distinctHashes, missRate, requests, openedAt };
    metrics.count('mersal_cache_alerts', { state, scope, cause });
    if (state === 'closed') logger.info(fields, `✅ ${message}`);
    else
      logger.warn(
        fields,
        state === 'opened' ? `🚨 ALERT: ${message}` : `Cache miss spike goes on: ${message}`,
      );
  }
}

function toRecord(alert: TemplateAlert, topic: string, partitions: number): OutRecord {
  const key = alert.key ?? '*';
  const { scope, openedAt, state, at } = alert;
  return {
    topic,
    partition: partitionFor(key, partitions),
    key,
    value: encodeEvent('mersal.template.alert.v1', alert),
    headers: encodeHeaders({
      id: `${scope}/${encodeURIComponent(key)}/${openedAt}/${state}/${at}`,
      type: 'mersal.template.alert.v1',
      source: 'cache-metrics',
      time: at,
      subject: encodeURIComponent(key),
    }),
  };
}
