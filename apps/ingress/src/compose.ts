import { parseIdKeys, topicNames } from '@mersal/contracts';
import { connectionOf, createAdmin, createPublisher, type KafkaConnection } from '@mersal/kafka';
import {
  createPostgresLedger,
  openDatabase,
  parseCredentialKeys,
  readCacheHistory,
  readInstallation,
  requirePartitions,
  validKeys,
} from '@mersal/ledger';
import { connectRedis, createIntakeRate, type IntakeRate } from '@mersal/limits';
import { listenProbes, type Scope } from '@mersal/lifecycle';
import { createMetrics, type Logger } from '@mersal/telemetry';
import { serveMetrics } from '@mersal/telemetry/sdk';
import { adminRoutes } from './admin/admin-routes.js';
import { requireKey } from './auth/authenticate.js';
import { KeyUses } from './auth/key-uses.js';
import { FIRST_ADMIN_ID, Principals } from './auth/principals.js';
import { WrongKeys } from './auth/wrong-keys.js';
import { statusCallbackRoute } from './callbacks/status-callback.js';
import { composeConsole } from './console/compose-console.js';
import { Sessions } from './console/sessions.js';
import { composeDirect } from './direct/compose-direct.js';
import { SendNow } from './direct/send-now.js';
import { eventRoutes } from './events/event-routes.js';
import { StreamHub } from './events/stream-hub.js';
import { composeDead } from './dead/compose-dead.js';
import { FindMessage } from './messages/find-message.js';
import { LogEnds } from './messages/log-ends.js';
import { messageRoutes } from './messages/message-routes.js';
import { type CacheMetrics, cacheMetricsRoute, readCacheMetrics } from './metrics/cache-metrics.js';
import { metricsAccess } from './metrics/metrics-access.js';
import { queueMetrics, queueMetricsRoute } from './metrics/queue-metrics.js';
import { sharedRead } from './metrics/shared-read.js';
import { countUnfiled } from './metrics/unfiled.js';
import { within } from './requests/deadline.js';
import type { Routes } from './routes.js';
import { AcceptSends } from './sends/accept-sends.js';
import { Idempotency } from './sends/idempotency.js';
import { postBatch } from './sends/post-batch.js';
import { postSend } from './sends/post-send.js';
import { createServer } from './server.js';
import { riskyCombinations, type Settings } from './settings.js';
import { LeftTemplates } from './tenants/left-templates.js';
import { TenantDirectory } from './tenants/tenant-directory.js';

/** Longest wait for Postgres within a request, in ms; never more than half of a POST's deadline. */
const STORE_PATIENCE_MS = 2_000;
/** Longest wait of a send for the rate's answer, in ms. */
const REDIS_PATIENCE_MS = 250;
/** How old an answer of the metrics routes may be, in ms. */
const METRICS_MAX_AGE_MS = 250;
/** The sum of a window over many keys and restaurants takes some ms: who looks often is not to wait for it. */
const METRICS_STALE_MS = 750;

/** An address may show so many wrong keys, and then one in so many ms; memory: some 100 bytes an address. */
const WRONG_KEYS = { burst: 20, everyMs: 6_000, most: 20_000 };

/** Event streams at once, in all and of one key. */
const STREAMS = { most: 1_000, mostOfKey: 50 };

/** Wires ingress: stores → Kafka → probes → server and routes → listen. */
export async function compose(settings: Settings, logger: Logger, scope: Scope): Promise<void> {
  const { releases } = scope;
  const metrics = createMetrics();
  const now = () => performance.now();
  const wallClock = Date.now;
  const topics = topicNames(settings.WHATSAPP_SEND_QUEUE_NAME);
  const timeoutMs = Math.min(STORE_PATIENCE_MS, settings.PRODUCE_DEADLINE_MS / 2);
  for (const warning of riskyCombinations(settings)) logger.warn({}, warning);

  const database = openDatabase({
    url: settings.DATABASE_URL,
    max: settings.DATABASE_POOL,
    application: `ingress ${settings.INSTANCE}`,
    statementTimeoutMs: 10_000,
    onError: (error) => logger.warn({ err: error }, 'a connection to Postgres broke'),
  });
  const ledger = createPostgresLedger(database);
  releases.push('postgres', () => ledger.close());
  const { partitions } = await readInstallation(database, settings.WHATSAPP_SEND_QUEUE_NAME);

  const connection = connectionOf(settings, `ingress-${settings.INSTANCE}`, logger);
  const queueing = settings.WHATSAPP_SEND_QUEUE_ENABLED;
  // Without the queue this starts without Kafka, too: it may be the reason why the queue is switched off.
  if (queueing) await agreePartitions(connection, [topics.send, topics.retry, topics.callbacks], partitions);
  else logger.warn({}, 'WHATSAPP_SEND_QUEUE_ENABLED=false: messages are sent at once, without the queue');
  const admin = createAdmin({ connection, patienceMs: timeoutMs });
  releases.push('admin', () => admin.close());
  const publisher = await createPublisher({ connection, deadlineMs: settings.PRODUCE_DEADLINE_MS });
  releases.push('publisher', () => publisher.close());

  let state: 'starting' | 'serving' | 'draining' = 'starting';
  const probes = await listenProbes({
    host: settings.PROBE_HOST,
    port: settings.PROBE_PORT,
    live: {},
    ready: {
      server: () => ({ ok: state === 'serving', reason: state }),
      // A producer that Kafka disconnected for its idleness connects with the next record: ask whether it could.
      ...(queueing
        ? {
            kafka: async () => ({ ok: publisher.connected || (await admin.partitionCount(topics.send)) > 0 }),
          }
        : {}),
      postgres: () => database.run({ name: 'ping', text: 'select 1', values: [] }).then(() => ({ ok: true })),
    },
    metrics: serveMetrics,
  });
  releases.push('probes', () => probes.close());

  const idKeys = parseIdKeys(settings.ID_KEYS);
  const source = `ingress/${settings.INSTANCE}`;
  const principals = new Principals({
    database,
    adminTokenHash: settings.ADMIN_TOKEN_HASH,
    timeoutMs,
    now,
    wallClock,
  });
  const keys = parseCredentialKeys(settings.CREDENTIALS_KEY, settings.CREDENTIALS_KEYS_OLD);
  const tenants = new TenantDirectory({ database, keys, timeoutMs, now });
  const templates = new LeftTemplates(settings, database, logger);
  releases.push('template cache', () => templates.close());
  const place = { topic: topics.send, partitions, source };
  const stores = { database, ledger, keys, place, logger, metrics };
  const sendNow = queueing ? undefined : new SendNow(await composeDirect(settings, stores, scope));
  const uses = new KeyUses({ database, logger, wallClock });
  releases.push('key uses', () => uses.flush());
  const sessions = new Sessions(Buffer.from(settings.CREDENTIALS_KEY), wallClock);
  const check = { principals, uses, sessions, wrongKeys: new WrongKeys({ ...WRONG_KEYS, now }) };

  const app = await createServer({
    logger,
    metrics,
    version: '0.1.0',
    publicUrl: settings.PUBLIC_URL,
    trustedProxies: settings.TRUSTED_PROXIES,
    now,
    isDraining: () => state === 'draining',
  });
  const routes: Routes = {
    app,
    auth: (...scopes) => requireKey(check, ...scopes),
    unchecked: { validatorCompiler: () => (value) => ({ value }) },
  };
  const accept = new AcceptSends({
    publisher,
    tenants,
    idempotency: new Idempotency({ ledger, logger }),
    rate: intakeRate(settings, logger, scope, now),
    idKeys,
    ...place,
    deadlineMs: settings.PRODUCE_DEADLINE_MS,
    logger,
    metrics,
    now,
    wallClock,
  });
  postSend(routes, accept, sendNow);
  postBatch(routes, accept, sendNow);
  const find = new FindMessage({ ledger, ends: new LogEnds(admin, topics.send), idKeys, timeoutMs });
  messageRoutes(routes, { ledger, tenants, find, timeoutMs });
  // The first admin's key is no row of the database: it ends with a restart only.
  const stillValid = async (ids: readonly string[]): Promise<ReadonlySet<string>> =>
    new Set([...(await validKeys(database, ids)), FIRST_ADMIN_ID]);
  const hub = new StreamHub({ ledger, validKeys: stillValid, ...STREAMS, logger, metrics, now });
  app.addHook('preClose', async () => hub.close());
  eventRoutes(routes, { hub, ledger, validKeys: stillValid, tenants, find, timeoutMs, wallClock });
  adminRoutes(routes, { database, ledger, keys, tenants, templates, partitions, timeoutMs, wallClock });
  statusCallbackRoute(routes, {
    publisher,
    tenants,
    publicUrl: settings.PUBLIC_URL,
    topic: topics.callbacks,
    partitions,
    source,
    deadlineMs: settings.PRODUCE_DEADLINE_MS,
    logger,
    metrics,
    wallClock,
  });
  const log = { connection, topics, publisher, partitions, source };
  composeDead(routes, { database, ledger, tenants, timeoutMs, logger, wallClock, ...log }, releases);
  const access = metricsAccess(routes, settings.METRICS_AUTH);
  const countQueue = sharedRead(
    async () => {
      const [unfiled, counts] = await Promise.all([
        countUnfiled({ database, admin, topic: topics.send, logger }),
        ledger.counts(),
      ]);
      return queueMetrics(counts, unfiled, settings.TENANT_CONCURRENCY, wallClock());
    },
    METRICS_MAX_AGE_MS,
    now,
  );
  const readCache = sharedRead(
    async () => {
      const metrics = await readCacheMetrics(database, { now, wallClock });
      // Written once a reading: of a thousand keys, that is most of what an answer costs.
      return { metrics, text: JSON.stringify(metrics) };
    },
    METRICS_MAX_AGE_MS,
    now,
    METRICS_STALE_MS,
  );
  const countCache = async (): Promise<CacheMetrics> => (await readCache()).metrics;
  queueMetricsRoute(routes, access, () => within('ledger', timeoutMs, countQueue()));
  cacheMetricsRoute(routes, access, {
    read: async () => (await within('ledger', timeoutMs, readCache())).text,
    history: (range) => within('ledger', timeoutMs, readCacheHistory(database, range)),
  });
  composeConsole(routes, {
    settings,
    database,
    ledger,
    partitions,
    check,
    sessions,
    countQueue,
    countCache,
    validKeys: stillValid,
    isDraining: () => state === 'draining',
    timeoutMs,
    now,
    wallClock,
  });

  await app.listen({ host: settings.HOST, port: settings.PORT });
  releases.push('server', () => {
    state = 'draining';
    return app.close();
  });
  state = 'serving';
  logger.info(
    { url: app.listeningOrigin, probes: probes.url, partitions },
    `ingress ${settings.INSTANCE} is up`,
  );
}

/** Undefined where restaurants may send as fast as they like: then no Redis is needed, and none is connected to. */
function intakeRate(
  settings: Settings,
  logger: Logger,
  { releases }: Scope,
  now: () => number,
): IntakeRate | undefined {
  const perSecond = settings.INGRESS_RATE_PER_TENANT;
  if (perSecond === null) return undefined;
  const onError = (error: unknown): void =>
    logger.warn({ err: error }, 'Redis is away: each instance counts the sends that it takes for itself');
  const redis = connectRedis({
    url: settings.REDIS_URL,
    tlsCa: settings.REDIS_TLS_CA,
    commandTimeoutMs: REDIS_PATIENCE_MS,
    autoPipelining: true,
    onError: (error) => logger.debug({ err: error }, 'the connection to Redis broke'),
  });
  releases.push('redis', () => redis.disconnect());
  return createIntakeRate({
    perSecond,
    redis,
    prefix: `${settings.WHATSAPP_SEND_QUEUE_NAME}:intake:`,
    now,
    onError,
  });
}

/** The partition of a restaurant is computed from the ledger's count: a topic with another would be written where nobody looks. */
async function agreePartitions(
  connection: KafkaConnection,
  topics: readonly string[],
  partitions: number,
): Promise<void> {
  const admin = createAdmin({ connection });
  try {
    requirePartitions(await admin.partitionCounts(topics), partitions);
  } finally {
    await admin.close();
  }
}
