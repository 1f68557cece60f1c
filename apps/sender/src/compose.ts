import { MAX_RECORD_BYTES, topicNames } from '@mersal/contracts';
import { createAdmin, createConsumer, createPublisher, type KafkaConnection } from '@mersal/kafka';
import { MAX_AGE_MS } from '@mersal/lanes';
import { createPostgresLedger, openDatabase, parseCredentialKeys, readInstallation } from '@mersal/ledger';
import { listenProbes, type Scope } from '@mersal/lifecycle';
import { connectRedis, createGlobalRate, createUnlimitedRate, redisReady } from '@mersal/limits';
import { createMetrics, type Logger, serveMetrics } from '@mersal/telemetry';
import { createTwilioGateway } from '@mersal/twilio-gateway';
import { Admission } from './admission/admission.js';
import { OffsetCommits } from './admission/offset-commits.js';
import { createDelivery } from './delivery/deliver-message.js';
import { SettleQueue } from './delivery/settle-queue.js';
import { Templates } from './delivery/templates.js';
import { releaseClaim } from './delivery/verdict.js';
import { Dispatch } from './dispatch/dispatch.js';
import { Engine } from './dispatch/engine.js';
import { OutboxPublisher } from './outbox/outbox-publisher.js';
import { OwnedPartitions } from './ownership/owned-partitions.js';
import { Takeover } from './ownership/takeover.js';
import { Reconciliation } from './reconcile/reconcile.js';
import { RateGroup } from './rate/rate-group.js';
import { reportMetrics } from './report.js';
import { CLAIM_AGE_MS, leaseMs, type Settings } from './settings.js';
import { TenantDirectory } from './tenants/tenant-directory.js';
import { Upkeep } from './upkeep/upkeep.js';

/** How long a start waits for Redis before the group goes over to shares, in ms. */
const REDIS_PATIENCE_MS = 3_000;

/** Wires the sender: config → stores → rate → provider → ledger's shell → consumer → probes. */
export async function compose(settings: Settings, logger: Logger, scope: Scope): Promise<void> {
  const { releases, fail } = scope;
  const metrics = createMetrics();
  const now = () => performance.now();
  const wallClock = Date.now;
  const random = Math.random;
  const topics = topicNames(settings.WHATSAPP_SEND_QUEUE_NAME);

  const database = openDatabase({
    url: settings.DATABASE_URL,
    max: settings.DATABASE_POOL,
    application: `sender ${settings.INSTANCE}`,
    onError: (error) => logger.warn({ err: error }, 'a connection to Postgres broke'),
  });
  const ledger = createPostgresLedger(database);
  releases.push('postgres', () => ledger.close());
  const { partitions } = await readInstallation(database, settings.WHATSAPP_SEND_QUEUE_NAME);

  const redis = connectRedis({
    url: settings.REDIS_URL,
    onError: (error) => logger.debug({ err: error }, 'Redis'),
  });
  releases.push('redis', () => redis.disconnect());
  const perSecond = settings.GLOBAL_RATE_PER_SECOND;
  const group =
    perSecond === null
      ? undefined
      : new RateGroup({
          database,
          redisRate: createGlobalRate({
            redis,
            key: `rate:${settings.WHATSAPP_SEND_QUEUE_NAME}`,
            perSecond,
            now,
          }),
          ping: () =>
            redis.ping().then(
              () => true,
              () => false,
            ),
          perSecond,
          name: `${settings.INSTANCE}/${process.pid}`,
          now,
          logger,
        });
  if (!(await redisReady(redis, REDIS_PATIENCE_MS)))
    logger.warn({}, 'Redis does not answer: the rate is kept in shares');
  await group?.start();
  if (group) releases.push('rate group', () => group.stop());

  const gateway = createTwilioGateway({
    timeoutMs: settings.TWILIO_TIMEOUT_MS,
    maxSockets: settings.TWILIO_MAX_SOCKETS,
    ...(settings.TWILIO_API_BASE_URL === undefined ? {} : { baseUrl: settings.TWILIO_API_BASE_URL }),
  });
  releases.push('provider', () => gateway.close());

  const connection = kafkaConnection(settings, logger);
  const publisher = await createPublisher({
    connection,
    maxMessageBytes: (topic) => (topic === topics.dead ? 2 : 1) * MAX_RECORD_BYTES,
  });
  releases.push('publisher', () => publisher.close());
  const admin = createAdmin({ connection });
  releases.push('admin', () => admin.close());
  const kafkaPartitions = await admin.partitionCount(topics.send);
  if (kafkaPartitions !== partitions) {
    throw new Error(
      `${topics.send} has ${kafkaPartitions} partitions, the ledger has ${partitions}: growing it means a new queue name after a drain`,
    );
  }

  const tenants = new TenantDirectory(
    database,
    parseCredentialKeys(settings.CREDENTIALS_KEY, settings.CREDENTIALS_KEYS_OLD),
  );
  await tenants.refresh();
  const owned = new OwnedPartitions();
  const concurrency = settings.TENANT_CONCURRENCY;
  const dispatch = new Dispatch({ ledger, tenants, owned, concurrency });

  const outbox = new OutboxPublisher({
    ledger,
    publisher,
    owned,
    to: { topics, partitions, source: `sender/${settings.INSTANCE}` },
    logger,
    metrics,
  });
  outbox.start();
  releases.push('outbox', () => outbox.stop());

  const policy = {
    attempts: settings.QUEUE_RETRY_ATTEMPTS,
    backoffMs: settings.QUEUE_BACKOFF_DELAY,
    maxAgeMs: MAX_AGE_MS,
  };
  const settlements = new SettleQueue(ledger, {
    retryMs: 250,
    onError: (error) => logger.warn({ err: error }, 'settlements wait for the ledger'),
  });
  const templates = new Templates(gateway, now);
  const deliver = createDelivery({
    ledger,
    gateway,
    templates,
    settlements,
    policy,
    publicUrl: settings.PUBLIC_URL,
    claimAgeMs: CLAIM_AGE_MS,
    now,
    wallClock,
    random,
    logger,
    metrics,
  });
  const engine = new Engine({
    ledger,
    dispatch,
    owned,
    tenants,
    rate: group ?? createUnlimitedRate(now),
    deliver,
    release: async (claim) => ({
      ...(await settlements.settle(releaseClaim(claim, wallClock()))),
      released: true,
    }),
    onSettled: outbox.hint,
    onRateEpoch: () => group?.refresh() ?? Promise.resolve(),
    onFatal: fail,
    limits: { leaseMs: leaseMs(settings), concurrency },
    sockets: settings.TWILIO_MAX_SOCKETS,
    now,
    logger,
    metrics,
  });
  engine.start();
  releases.push('engine', () => engine.stop());

  const reconciliation = new Reconciliation({
    ledger,
    gateway,
    tenants,
    owned,
    dispatch,
    policy,
    graceMs: settings.RECONCILE_GRACE_MS,
    pauseMs: settings.RECONCILE_PAUSE_MS,
    wallClock,
    random,
    logger,
    metrics,
  });
  const upkeep = new Upkeep({
    ledger,
    dispatch,
    owned,
    tenants,
    reconcile: reconciliation.run,
    outboxFilled: outbox.hint,
    onFatal: fail,
    logger,
  });
  upkeep.start();
  releases.push('upkeep', () => upkeep.stop());

  const takeover = new Takeover({
    ledger,
    admin,
    topics,
    owned,
    dispatch,
    member: settings.INSTANCE,
    logger,
  });
  const commits = new OffsetCommits((offsets) => consumer.commit(offsets), logger);
  const admission = new Admission({
    ledger,
    tenants,
    owned,
    dispatch,
    topics,
    partitions,
    seek: (topic, partition, offset) => consumer.seek(topic, partition, offset),
    commit: commits.note,
    outboxFilled: outbox.hint,
    logger,
    metrics,
  });
  const consumer = createConsumer({
    connection,
    groupId: `${settings.WHATSAPP_SEND_QUEUE_NAME}.senders`,
    topics: [topics.send, topics.retry, topics.callbacks],
    onAssigned: takeover.onAssigned,
    onRevoked: takeover.onRevoked,
    onBatch: admission.onBatch,
    onFatal: fail,
    onError: (error, trouble) =>
      logger.warn({ err: error, during: trouble.during }, 'the consumer tries again'),
    maxWaitMs: 50,
  });
  await consumer.start();
  commits.start();
  releases.push('consumer', async () => {
    await commits.stop();
    await consumer.close();
  });

  metrics.gauge('mersal_partitions', () => owned.size);
  metrics.gauge('mersal_heads', () => dispatch.dispatcher.size);
  metrics.gauge('mersal_in_flight', () => engine.inFlight);
  const report = reportMetrics(ledger, logger);
  releases.push('report', () => report.stop());

  const probes = await listenProbes({
    host: settings.PROBE_HOST,
    port: settings.PROBE_PORT,
    live: { consumer: () => consumer.healthy() },
    ready: {
      postgres: () => database.run({ name: 'ping', text: 'select 1', values: [] }).then(() => ({ ok: true })),
      partitions: () =>
        owned.size > 0 || consumer.assigned().size > 0
          ? { ok: true }
          : { ok: false, reason: 'no partitions assigned yet' },
    },
    metrics: serveMetrics,
  });
  releases.push('probes', () => probes.close());
  logger.info({ probes: probes.url, partitions }, `sender ${settings.INSTANCE} is up`);
}

function kafkaConnection(settings: Settings, logger: Logger): KafkaConnection {
  const mechanism = settings.KAFKA_SASL_MECHANISM;
  return {
    brokers: settings.KAFKA_BROKERS,
    clientId: `sender-${settings.INSTANCE}`,
    logger,
    ...(settings.KAFKA_TLS ? { ssl: true } : {}),
    ...(mechanism === 'none'
      ? {}
      : {
          sasl: { mechanism, username: settings.KAFKA_SASL_USERNAME, password: settings.KAFKA_SASL_PASSWORD },
        }),
  };
}
