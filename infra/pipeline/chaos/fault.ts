import type { ownKafka, ownKafkaCluster, ownPostgres, ownRedis, Pipeline } from '@mersal/testkit';
import type { CallbackProxy } from './callback-proxy.js';
import type { Fleet } from './fleet.js';
import type { Front } from './front.js';
import type { Provider } from './provider.js';
import type { TcpProxy } from './tcp-proxy.js';

/** What faults act on. */
export interface Targets {
  readonly pipeline: Pipeline;
  /** Missing when it is somebody else's, whom no fault may touch. */
  readonly kafka?: Awaited<ReturnType<typeof ownKafka>>;
  /** Kafka of several brokers, where the run has that. */
  readonly cluster?: Awaited<ReturnType<typeof ownKafkaCluster>>;
  readonly redis: Awaited<ReturnType<typeof ownRedis>>;
  readonly postgres: Awaited<ReturnType<typeof ownPostgres>>;
  readonly fleet: Fleet;
  readonly provider: Provider;
  /** Between the clients and the ingresses. */
  readonly front: Front;
  /** Between one sender and Redis. */
  readonly redisOfOne: TcpProxy;
  /** Between the provider's callbacks and ingress. */
  readonly callbacks: CallbackProxy;
}

/** A fault as it was drawn: all that is random about it is in its parameters. */
export interface DrawnFault {
  readonly kind: string;
  readonly params: object;
  /** Resolves once it is over and what it stopped is up again, with what there is to tell. */
  inject(targets: Targets): Promise<string>;
}

export interface FaultKind {
  readonly name: string;
  readonly weight: number;
  draw(random: () => number): DrawnFault;
}

export function faultKind<P extends object>(kind: {
  readonly name: string;
  readonly weight: number;
  readonly draw: (random: () => number) => P;
  readonly inject: (targets: Targets, params: P) => Promise<string | void>;
}): FaultKind {
  return {
    name: kind.name,
    weight: kind.weight,
    draw: (random) => {
      const params = kind.draw(random);
      return {
        kind: kind.name,
        params,
        inject: async (targets) => (await kind.inject(targets, params)) ?? '',
      };
    },
  };
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** A whole number of `low` to `high`, both included. */
export function between(random: () => number, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

export function oneOf<T>(random: () => number, all: readonly T[]): T {
  const found = all[Math.floor(random() * all.length)];
  if (found === undefined) throw new RangeError('there is nothing to draw from');
  return found;
}
