import { CACHE_METRICS_GROUP, topicNames } from '@mersal/contracts';
import {
  connectionOf,
  createAdmin,
  createConsumer,
  createPublisher,
  type PartitionConsumer,
} from '@mersal/kafka';
import { openDatabase, readCacheAlerts } from '@mersal/ledger';
import { listenProbes, type Scope } from '@mersal/lifecycle';
import { createMetrics, type Logger } from '@mersal/telemetry';
import { serveMetrics } from '@mersal/telemetry/sdk';
import { AlertPublishing } from './alert-publishing.js';
import { callWebhook } from './alert-webhook.js';
import { Counting } from './counting.js';
import { judgeLedger } from './judging.js';
import { OffsetCommits } from './offset-commits.js';
import { noteReading } from './reading.js';
import { repeat } from './repeat.js';
import type { Settings } from './settings.js';
import { startUpkeep } from './upkeep.js';

const COMMIT_EVERY_MS = 1_000;
const JUDGE_EVERY_MS = 1_000;
const TELL_EVERY_MS = 1_000;
/** Alerts that are counted, at most: of every key one may be open. */
const MOST_ALERTS = 1_000;

/** Wires the service: config → Postgres → counting → consumer → windows → alerts → probes. */
export async function compose(settings: Settings, logger: Logger, { releases, fail }: Scope): Promise<void> {
  const metrics = createMetrics();
  const { templateEvents: topic, templateAlerts } = topicNames(settings.WHATSAPP_SEND_QUEUE_NAME);
  const connection = connectionOf(settings, `cache-metrics-${settings.INSTANCE}`, logger);
  const database = openDatabase({
    url: settings.DATABASE_URL,
    max: settings.DATABASE_POOL,
    application: `cache-metrics ${settings.INSTANCE}`,
    onError: (error) => logger.warn({ err: error }, 'a connection to Postgres broke'),
  });
  releases.push('postgres', () => database.close());
  releases.push(
    'upkeep',
    startUpkeep(database, settings.CACHE_HISTORY_DAYS, Date.now, (error) =>
      logger.warn({ err: error }, 'old panes could not be merged or removed'),
    ),
  );

  const commits = new OffsetCommits(
    topic,
    (offsets) => consumer.commit(offsets),
    (error) => logger.info({ err: error }, 'offsets could not be committed'),
  );
  const counting = new Counting({
    database,
    topic,
    seek: (...to) => consumer.seek(...to),
    counted: commits.note,
    logger,
    metrics,
  });
  const consumer: PartitionConsumer = createConsumer({
    connection,
    groupId: CACHE_METRICS_GROUP,
    topics: [topic],
    onAssigned: counting.onAssigned,
    onRevoked: counting.onRevoked,
    onBatch: counting.onBatch,
    onFatal: fail,
  });
  const admin = createAdmin({ connection });
  releases.push('admin', () => admin.close());
  await consumer.start();
  commits.start(COMMIT_EVERY_MS);
  releases.push('consumer', async () => {
    await commits.stop();
    await consumer.close();
  });

  const url = settings.CACHE_ALERT_WEBHOOK_URL;
  let judgedTo: number | null = null;
  let open: number | null = null;
  const watch = async (): Promise<void> => {
    await noteReading({ admin, database, topic, positions: () => counting.positions(), wallClock: Date.now });
    // Asked again each time: callers compute the partition from what the topic has, and it may have been given more.
    const partitions = await admin.partitionCount(topic);
    for (let more = true; more; ) {
      const judged = await judgeLedger(database, {
        partitions,
        leastRequests: settings.CACHE_ALERT_LEAST_REQUESTS,
        webhook: url !== undefined,
      });
      ({ judgedTo, more } = judged);
    }
    open = (await readCacheAlerts(database, Date.now(), MOST_ALERTS)).filter(
      (one) => one.closedAt === null,
    ).length;
  };
  const troubles = (what: string) => (error: unknown) => logger.warn({ err: error }, what);
  releases.push('windows', repeat(watch, JUDGE_EVERY_MS, troubles('windows could not be judged')));
  metrics.gauge('mersal_cache_alerts_open', () => open);
  metrics.gauge('mersal_cache_judged_age', () =>
    judgedTo === null ? null : (Date.now() - judgedTo) / 1_000,
  );

  const publisher = await createPublisher({ connection });
  releases.push('publisher', () => publisher.close());
  const publishing = new AlertPublishing({
    database,
    publisher,
    topic: templateAlerts,
    partitions: await admin.partitionCount(templateAlerts),
    logger,
    metrics,
  });
  releases.push(
    'alerts',
    repeat(() => publishing.publishAll(), TELL_EVERY_MS, troubles('alerts could not be published')),
  );
  if (url !== undefined) {
    const call = async (): Promise<void> => {
      while ((await callWebhook({ database, url, logger, metrics, fetch, random: Math.random })) > 0);
    };
    releases.push('webhook', repeat(call, TELL_EVERY_MS, troubles('the webhook could not be called')));
  }

  const probes = await listenProbes({
    host: settings.PROBE_HOST,
    port: settings.PROBE_PORT,
    live: { consumer: () => consumer.healthy() },
    ready: {
      postgres: () => database.run({ name: 'ping', text: 'select 1', values: [] }).then(() => ({ ok: true })),
      partitions: () =>
        counting.joined
          ? { ok: true }
          : { ok: false, reason: 'the group has not given this member its part yet' },
    },
    metrics: serveMetrics,
  });
  releases.push('probes', () => probes.close());
  logger.info({ probes: probes.url }, `cache-metrics ${settings.INSTANCE} is up`);
}
