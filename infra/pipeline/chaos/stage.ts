import { ownKafka, ownKafkaCluster, ownPostgres, ownRedis, startPipeline, WireWatch } from '@mersal/testkit';
import { CacheLoad } from './cache-load.js';
import { kafkaOf } from './cluster-state.js';
import { CallbackProxy } from './callback-proxy.js';
import type { Closers } from './closers.js';
import type { Targets } from './fault.js';
import { Fleet } from './fleet.js';
import { Front } from './front.js';
import { LedgerStates } from './ledger-states.js';
import { Provider } from './provider.js';
import { TcpProxy } from './tcp-proxy.js';

/** Of a request to the provider, in ms. */
export const TIMEOUT_MS = 3_000;

/** Of a service: on two cores, beside engines that come and go, a start may have to wait for the processor. */
const READY_WITHIN_MS = 90_000;

export interface StageOptions {
  readonly senders: number;
  readonly tenants: number;
  /** Brokers of somebody else, for runs without a fault of Kafka's. Default: a Kafka of its own. */
  readonly kafka?: readonly string[];
  /** With three every topic is on all of them. Default 1. */
  readonly brokers?: 1 | 3;
  /** What services and command line are of at first: the root of a built checkout. Default: this one. */
  readonly release?: string;
  /** Two ingresses, and two cache-metrics with events to count. Default: one ingress. */
  readonly pairs?: boolean;
}

export interface Stage {
  readonly targets: Targets;
  readonly ledger: LedgerStates;
  /** Template events, where the run has somebody to count them. */
  readonly cacheLoad: CacheLoad | undefined;
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
  const { brokers = 1, pairs = false } = options;
  const [kafka, cluster, redis, postgres] = await Promise.all([
    options.kafka || brokers > 1 ? undefined : kept(ownKafka()),
    brokers > 1 ? kept(ownKafkaCluster()) : undefined,
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
    ...(options.release !== undefined && { release: options.release }),
    cacheMetrics: pairs ? 2 : 0,
    readyWithinMs: READY_WITHIN_MS,
    latencyMs: 80,
    engines: {
      kafka: [...(options.kafka ?? kafka?.brokers ?? cluster?.brokers ?? [])],
      redis: redis.url,
      postgres: postgres.url,
    },
    env: {
      TOPIC_REPLICATION: String(brokers),
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
  const ingresses = [pipeline.ingress, ...(pairs ? [await pipeline.startIngress('ingress-2')] : [])];
  callbacks.targets = ingresses;
  const front = new Front(pipeline, ingresses);
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
  const cacheLoad = pairs ? await CacheLoad.start(kafkaOf(pipeline)) : undefined;
  await closers.add(() => cacheLoad?.stop());
  return {
    targets: {
      pipeline,
      ...(kafka && { kafka }),
      ...(cluster && { cluster }),
      redis,
      postgres,
      fleet,
      provider,
      front,
      redisOfOne,
      callbacks,
    },
    ledger,
    cacheLoad,
    wire,
  };
}
