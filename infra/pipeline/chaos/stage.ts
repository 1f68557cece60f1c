import { ownKafka, ownPostgres, ownRedis, startPipeline, WireWatch } from '@mersal/testkit';
import { CallbackProxy } from './callback-proxy.js';
import type { Closers } from './closers.js';
import type { Targets } from './fault.js';
import { Fleet } from './fleet.js';
import { LedgerStates } from './ledger-states.js';
import { Provider } from './provider.js';
import { TcpProxy } from './tcp-proxy.js';

/** Of a request to the provider, in ms. */
export const TIMEOUT_MS = 3_000;

export interface StageOptions {
  readonly senders: number;
  readonly tenants: number;
  /** Brokers of somebody else, for runs without a fault of Kafka's. Default: a Kafka of its own. */
  readonly kafka?: readonly string[];
}

export interface Stage {
  readonly targets: Targets;
  readonly ledger: LedgerStates;
  /** Undefined without tcpdump. */
  readonly wire: WireWatch | undefined;
}

/** Brings up engines and services; all of it goes with the closers, and the services at once with the signal. */
export async function openStage(
  options: StageOptions,
  closers: Closers,
  signal: AbortSignal,
): Promise<Stage> {
  const kept = async <T extends { remove(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const engine = await starting;
    await closers.add(() => engine.remove());
    return engine;
  };
  const [kafka, redis, postgres] = await Promise.all([
    options.kafka ? undefined : kept(ownKafka()),
    kept(ownRedis()),
    kept(ownPostgres()),
  ]);
  const [redisOfOne, callbacks] = await Promise.all([TcpProxy.to(redis.port), CallbackProxy.start()]);
  await closers.add(() => {
    redisOfOne.close();
    callbacks.close();
  });
  const pipeline = await startPipeline({
    tenants: Array.from({ length: options.tenants }, (_, n) => `restaurant-${n}`),
    senders: 0,
    latencyMs: 80,
    engines: {
      kafka: [...(options.kafka ?? kafka?.brokers ?? [])],
      redis: redis.url,
      postgres: postgres.url,
    },
    env: {
      PUBLIC_URL: callbacks.url,
      TWILIO_TIMEOUT_MS: String(TIMEOUT_MS),
      RECONCILE_GRACE_MS: '1000',
      RECONCILE_PAUSE_MS: '1000',
      QUEUE_BACKOFF_DELAY: '500',
      QUEUE_RETRY_ATTEMPTS: '10',
    },
    signal,
  });
  await closers.add(() => pipeline.stop());
  callbacks.target = pipeline.ingress;
  const fleet = new Fleet(
    pipeline,
    (name): Record<string, string> =>
      name === 'sender-1' ? { REDIS_URL: `redis://127.0.0.1:${redisOfOne.port}` } : {},
  );
  await Promise.all(Array.from({ length: options.senders }, (_, n) => fleet.start(`sender-${n + 1}`)));
  const provider = new Provider(pipeline.simulator);
  await provider.behave();
  const wire = await WireWatch.start(Number(new URL(pipeline.simulator.url).port));
  await closers.add(() => wire?.stop());
  const ledger = new LedgerStates(pipeline.database);
  await closers.add(() => ledger.close());
  return {
    targets: { pipeline, ...(kafka && { kafka }), redis, postgres, fleet, provider, redisOfOne, callbacks },
    ledger,
    wire,
  };
}
