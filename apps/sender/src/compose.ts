import { randomUUID } from 'node:crypto';
import { MAX_RECORD_BYTES, sendersGroup, topicNames } from '@mersal/contracts';
import { databaseRateGroup, Latency, reportBreakers, reportLatency, systemClock } from '@mersal/delivery';
import { connectionOf, createAdmin, createConsumer, createPublisher } from '@mersal/kafka';
import {
  createPostgresLedger,
  openDatabase,
  parseCredentialKeys,
  readInstallation,
  requirePartitions,
  tellBreakers,
  tellLatency,
} from '@mersal/ledger';
import { listenProbes, type Scope } from '@mersal/lifecycle';
import { connectRedis, createGlobalRate, createKeyedRate, redisReady } from '@mersal/limits';
import { createMetrics, type Logger } from '@mersal/telemetry';
import { serveMetrics } from '@mersal/telemetry/sdk';
import { createTwilioGateway, type TwilioGateway, type TwilioGatewayOptions } from '@mersal/twilio-gateway';
import { assemble } from './assemble.js';
import { reportMetrics } from './report.js';
import type { Settings } from './settings.js';
import { openTemplateStore } from './template-store.js';
import { databaseTenants } from './tenants/tenant-source.js';

/** How long a start waits for Redis before the group goes over to shares, in ms. */
const REDIS_PATIENCE_MS = 3_000;

/** What may be another than in production: a bench measures the sender without its provider. */
export interface Adapters {
  readonly createGateway: (options: TwilioGatewayOptions) => TwilioGateway;
}

/** Opens what the settings name and puts the sender on it: stores → rate → provider → Kafka → sender → consumer → probes. */
export async function compose(
  settings: Settings,
  logger: Logger,
  scope: Scope,
  adapters: Adapters = { createGateway: createTwilioGateway },
): Promise<void> {
  const { releases, fail } = scope;
  const latency = new Latency(() => systemClock.now());
  const metrics = latency.seenThrough(createMetrics());
  const topics = topicNames(settings.WHATSAPP_SEND_QUEUE_NAME);

  const database = openDatabase({
    url: settings.DATABASE_URL,
    max: settings.DATABASE_POOL,
    application: `sender ${settings.INSTANCE}`,
    byKey: true,
    onError: (error) => logger.warn({ err: error }, 'a connection to Postgres broke'),
  });
  const ledger = createPostgresLedger(database);
  releases.push('postgres', () => ledger.close());
  const { partitions } = await readInstallation(database, settings.WHATSAPP_SEND_QUEUE_NAME);

  const redis = connectRedis({
    url: settings.REDIS_URL,
    tlsCa: settings.REDIS_TLS_CA,
    onError: (error) => logger.debug({ err: error }, 'Redis'),
  });
  releases.push('redis', () => redis.disconnect());
  const keyedRedis = connectRedis({
    url: settings.REDIS_URL,
    tlsCa: settings.REDIS_TLS_CA,
    autoPipelining: true,
    onError: (error) => logger.debug({ err: error }, 'Redis'),
  });
  releases.push('redis for rates by key', () => keyedRedis.disconnect());
  if (!(await redisReady(redis, REDIS_PATIENCE_MS)))
    logger.warn({}, 'Redis does not answer: the rate is kept in shares');

  const gateway = adapters.createGateway({
    timeoutMs: settings.TWILIO_TIMEOUT_MS,
    connectTimeoutMs: settings.TWILIO_CONNECT_TIMEOUT_MS,
    maxSockets: settings.TWILIO_MAX_SOCKETS,
    ...(settings.TWILIO_API_BASE_URL === undefined ? {} : { baseUrl: settings.TWILIO_API_BASE_URL }),
  });
  releases.push('provider', () => gateway.close());

  const connection = connectionOf(settings, `sender-${settings.INSTANCE}`, logger);
  const publisher = await createPublisher({
    connection,
    maxMessageBytes: (topic) => (topic === topics.dead ? 2 : 1) * MAX_RECORD_BYTES,
  });
  releases.push('publisher', () => publisher.close());
  const admin = createAdmin({ connection });
  releases.push('admin', () => admin.close());
  const ours = [topics.send, topics.retry, topics.callbacks];
  requirePartitions(await admin.partitionCounts(ours), partitions);

  const templates = openTemplateStore(settings, logger);
  releases.push('template cache', templates.close);

  // What this process is called in common tables. Containers may share INSTANCE, and all have the same process id: taken for one, each
  // would keep the whole rate.
  const member = `${settings.INSTANCE}/${randomUUID()}`;
  const perSecond = settings.GLOBAL_RATE_PER_SECOND;
  const sender = assemble(
    {
      process: member,
      ledger,
      tenants: databaseTenants(
        database,
        parseCredentialKeys(settings.CREDENTIALS_KEY, settings.CREDENTIALS_KEYS_OLD),
      ),
      gateway,
      templateStore: templates.store,
      publisher,
      logs: admin,
      consumer: () => consumer,
      rate:
        perSecond === null
          ? undefined
          : {
              store: databaseRateGroup(database),
              redisRate: createGlobalRate({
                redis,
                key: `rate:${settings.WHATSAPP_SEND_QUEUE_NAME}`,
                perSecond,
                now: () => systemClock.now(),
              }),
              ping: () =>
                redis.ping().then(
                  () => true,
                  () => false,
                ),
              perSecond,
            },
      keyedRate: createKeyedRate({
        redis: keyedRedis,
        prefix: `rate:${settings.WHATSAPP_SEND_QUEUE_NAME}`,
        now: () => systemClock.now(),
      }),
      clock: systemClock,
      random: Math.random,
      logger,
      metrics,
      fail,
    },
    { ...settings, topics, partitions },
  );
  const consumer = createConsumer({
    connection,
    groupId: sendersGroup(settings.WHATSAPP_SEND_QUEUE_NAME),
    topics: ours,
    ...sender.handlers,
    onFatal: fail,
    onError: (error, trouble) =>
      logger.warn({ err: error, during: trouble.during }, 'the consumer tries again'),
    maxWaitMs: 50,
  });
  await sender.start(releases);
  await consumer.start();
  sender.commits.start();
  releases.push('consumer', async () => {
    await sender.commits.stop();
    await consumer.close();
  });

  metrics.gauge('mersal_partitions', () => sender.owned.size);
  metrics.gauge('mersal_heads', () => sender.dispatch.dispatcher.size);
  metrics.gauge('mersal_provider_breaker_open', () => (sender.breakers.provider.isOpen ? 1 : 0));
  metrics.gauge('mersal_rate_shares', () => sender.sharesRate());
  metrics.gauge('mersal_suspended_restaurants', () => sender.suspendedRestaurants());
  metrics.gauge('mersal_in_flight', () => sender.engine.inFlight);
  const told = [
    reportBreakers(sender.breakers, (open) => tellBreakers(database, member, open), systemClock, logger),
    reportLatency(latency, (counts) => tellLatency(database, member, counts), systemClock, logger),
  ];
  for (const one of told) releases.push('what is told of breakers and latencies', () => one.stop());
  const report = reportMetrics(ledger, systemClock, logger);
  releases.push('report', () => report.stop());

  const probes = await listenProbes({
    host: settings.PROBE_HOST,
    port: settings.PROBE_PORT,
    live: { consumer: () => consumer.healthy() },
    ready: {
      postgres: () => database.run({ name: 'ping', text: 'select 1', values: [] }).then(() => ({ ok: true })),
      partitions: () =>
        sender.owned.size > 0 || consumer.assigned().size > 0
          ? { ok: true }
          : { ok: false, reason: 'no partitions assigned yet' },
    },
    metrics: serveMetrics,
  });
  releases.push('probes', () => probes.close());
  logger.info({ probes: probes.url, partitions }, `sender ${settings.INSTANCE} is up`);
}
