import { randomUUID } from 'node:crypto';
import {
  type Clock,
  databaseRateGroup,
  keepingChores,
  Latency,
  leaseMs,
  NumberPace,
  Pacer,
  RateGroup,
  repeat,
  reportBreakers,
  reportLatency,
  systemClock,
  Templates,
} from '@mersal/delivery';
import { Breakers } from '@mersal/lanes';
import {
  type CredentialKeys,
  type Database,
  type Ledger,
  readTenants,
  tellBreakers,
  tellLatency,
} from '@mersal/ledger';
import type { Scope } from '@mersal/lifecycle';
import { connectRedis, createGlobalRate, createKeyedRate, createUnlimitedRate } from '@mersal/limits';
import type { Logger, Metrics } from '@mersal/telemetry';
import { createTwilioGateway } from '@mersal/twilio-gateway';
import type { Settings } from '../settings.js';
import { DirectSends } from './direct-sends.js';

export interface DirectStores {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly keys: CredentialKeys;
  readonly place: { readonly topic: string; readonly partitions: number; readonly source: string };
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Sending without the queue: this instance is then a member of the group that keeps the rate, like every sender. */
export async function composeDirect(
  settings: Settings,
  stores: DirectStores,
  { releases, fail }: Scope,
): Promise<DirectSends> {
  const { database, ledger, keys, logger } = stores;
  const clock: Clock = systemClock;
  const now = () => clock.now();
  const latency = new Latency(now);
  const metrics = latency.seenThrough(stores.metrics);
  // As in the sender: one name a process, even where containers share INSTANCE.
  const member = `${settings.INSTANCE}/${randomUUID()}`;
  const prefix = `rate:${settings.WHATSAPP_SEND_QUEUE_NAME}`;
  const onError = (error: unknown) => logger.debug({ err: error }, 'Redis');
  const redis = connectRedis({ url: settings.REDIS_URL, tlsCa: settings.REDIS_TLS_CA, onError });
  releases.push('redis', () => redis.disconnect());
  const keyedRedis = connectRedis({
    url: settings.REDIS_URL,
    tlsCa: settings.REDIS_TLS_CA,
    autoPipelining: true,
    onError,
  });
  releases.push('redis for rates by key', () => keyedRedis.disconnect());
  const gateway = createTwilioGateway({
    timeoutMs: settings.TWILIO_TIMEOUT_MS,
    connectTimeoutMs: settings.TWILIO_CONNECT_TIMEOUT_MS,
    maxSockets: settings.TWILIO_MAX_SOCKETS,
    ...(settings.TWILIO_API_BASE_URL === undefined ? {} : { baseUrl: settings.TWILIO_API_BASE_URL }),
  });
  releases.push('provider', () => gateway.close());

  const perSecond = settings.GLOBAL_RATE_PER_SECOND;
  const group =
    perSecond === null
      ? undefined
      : new RateGroup({
          store: databaseRateGroup(database),
          redisRate: createGlobalRate({ redis, key: prefix, perSecond, now }),
          ping: () =>
            redis.ping().then(
              () => true,
              () => false,
            ),
          perSecond,
          connectTimeoutMs: settings.TWILIO_CONNECT_TIMEOUT_MS,
          name: member,
          clock,
          logger,
        });
  if (group) {
    await group.start();
    releases.push('rate group', () => group.stop());
  }
  const keyedRate = createKeyedRate({ redis: keyedRedis, prefix, now });
  const ofNumbers = settings.SENDER_RATE_PER_SECOND;
  const breakers = new Breakers();
  const direct = new DirectSends({
    ledger,
    tenantOf: async (restaurantId) => (await readTenants(database, keys, [restaurantId]))[0],
    gateway,
    templates: new Templates({ gateway, now }),
    breakers,
    group,
    pacer: new Pacer({ rate: group ?? createUnlimitedRate(now), clock, metrics }),
    keyedRate,
    numbers:
      ofNumbers === null || (perSecond !== null && ofNumbers >= perSecond)
        ? undefined
        : new NumberPace({ rate: keyedRate, perSecond: ofNumbers, clock }),
    defaults: {
      concurrency: settings.TENANT_CONCURRENCY,
      ratePerSecond: settings.TENANT_RATE_PER_SECOND,
    },
    leaseMs: leaseMs(settings),
    timeoutMs: settings.TWILIO_TIMEOUT_MS,
    publicUrl: settings.PUBLIC_URL,
    place: stores.place,
    clock,
    random: Math.random,
    logger,
    metrics,
  });
  direct.start();
  releases.push('direct sends', () => direct.stop());
  const told = [
    reportBreakers(breakers, (open) => tellBreakers(database, member, open), clock, logger),
    reportLatency(latency, (counts) => tellLatency(database, member, counts), clock, logger),
  ];
  for (const one of told) releases.push('what is told of breakers and latencies', () => one.stop());
  // No sender has to run where nothing goes through the queue.
  const stop = new AbortController();
  const kept = keepingChores(ledger, logger).map((chore) =>
    repeat(chore, { clock, logger, signal: stop.signal }).catch(fail),
  );
  releases.push('upkeep of the ledger', async () => {
    stop.abort();
    await Promise.all(kept);
  });
  return direct;
}
