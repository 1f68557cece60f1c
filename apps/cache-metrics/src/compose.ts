import { topicNames } from '@mersal/contracts';
import { createConsumer, type KafkaConnection, type PartitionConsumer } from '@mersal/kafka';
import { openDatabase } from '@mersal/ledger';
import { listenProbes, type Scope } from '@mersal/lifecycle';
import { createMetrics, type Logger, serveMetrics } from '@mersal/telemetry';
import { Counting } from './counting.js';
import { OffsetCommits } from './offset-commits.js';
import type { Settings } from './settings.js';
import { startUpkeep } from './upkeep.js';

const GROUP = 'mersal-cache-metrics';
const COMMIT_EVERY_MS = 1_000;

/** Wires the service: config → Postgres → counting → consumer → probes. */
export async function compose(settings: Settings, logger: Logger, { releases, fail }: Scope): Promise<void> {
  const metrics = createMetrics();
  const topic = topicNames(settings.WHATSAPP_SEND_QUEUE_NAME).templateEvents;
  const database = openDatabase({
    url: settings.DATABASE_URL,
    max: settings.DATABASE_POOL,
    application: `cache-metrics ${settings.INSTANCE}`,
    onError: (error) => logger.warn({ err: error }, 'a connection to Postgres broke'),
  });
  releases.push('postgres', () => database.close());
  releases.push(
    'upkeep',
    startUpkeep(database, Date.now, (error) => logger.warn({ err: error }, 'old panes could not be removed')),
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
    connection: kafkaConnection(settings, logger),
    groupId: GROUP,
    topics: [topic],
    onAssigned: counting.onAssigned,
    onRevoked: counting.onRevoked,
    onBatch: counting.onBatch,
    onFatal: fail,
  });
  await consumer.start();
  commits.start(COMMIT_EVERY_MS);
  releases.push('consumer', async () => {
    await commits.stop();
    await consumer.close();
  });

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

function kafkaConnection(settings: Settings, logger: Logger): KafkaConnection {
  const mechanism = settings.KAFKA_SASL_MECHANISM;
  return {
    brokers: settings.KAFKA_BROKERS,
    clientId: `cache-metrics-${settings.INSTANCE}`,
    logger,
    ...(settings.KAFKA_TLS ? { ssl: true } : {}),
    ...(mechanism === 'none'
      ? {}
      : {
          sasl: { mechanism, username: settings.KAFKA_SASL_USERNAME, password: settings.KAFKA_SASL_PASSWORD },
        }),
  };
}
