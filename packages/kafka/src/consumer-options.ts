import type { BackoffBounds } from './backoff.js';
import type { KafkaConnection } from './connection.js';
import type { PartitionBatch } from './in-record.js';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: bigint;
}

/** What this member is to read, until the next revocation. */
export interface Assignment {
  /** Counts the assignments of this consumer from 1. Kafka's own generation is not to be had from kafkajs. */
  readonly generation: number;
  /** Every partition number, of whichever topic, ascending. */
  readonly partitions: readonly number[];
  readonly byTopic: ReadonlyMap<string, readonly number[]>;
  /** Aborted with the revocation. */
  readonly signal: AbortSignal;
}

export interface Revocation {
  readonly generation: number;
  readonly partitions: readonly number[];
  /**
   * - `rebalance`: the group is sharing out anew; others may own the partitions in a moment
   * - `lost`: it is not known since when others may have owned them
   * - `closed`: this consumer is closing
   */
  readonly reason: 'rebalance' | 'lost' | 'closed';
}

/** Where a failure came from that the consumer itself deals with, by trying again. */
export interface ConsumerTrouble {
  readonly during: 'assign' | 'batch' | 'revoke' | 'reposition' | 'watch' | 'kafka';
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: bigint;
  readonly failures?: number;
}

export interface ConsumerOptions {
  readonly connection: KafkaConnection;
  readonly groupId: string;
  /** Partition p of all of them goes to one member. */
  readonly topics: readonly string[];
  /**
   * Takes ownership, and says where to read from. No record of the assignment is delivered before it resolves. Partitions that
   * it does not name are read from the group's committed offset, else from the log's beginning. Tried again when it rejects.
   */
  readonly onAssigned: (assignment: Assignment) => Promise<readonly PartitionOffset[]>;
  /** Tells that a former assignment ended. Kafka does not wait for it. */
  readonly onRevoked: (revocation: Revocation) => void;
  /**
   * Takes a batch; one at a time for a partition. When it rejects, the batch is delivered again after a pause. A slow one holds
   * up its own partition only. What it does not finish before a revocation is delivered to the next owner.
   */
  readonly onBatch: (batch: PartitionBatch) => Promise<void>;
  /** The consumer is dead and must be replaced: end the process. */
  readonly onFatal: (error: Error) => void;
  readonly onError?: (error: unknown, trouble: ConsumerTrouble) => void;
  /** Bytes of one fetch from one broker. Default 10 MiB. */
  readonly maxBytes?: number;
  /** Default 1 MiB. */
  readonly maxBytesPerPartition?: number;
  /** Milliseconds a fetch waits for records; also how late a resumed partition may be read. Default 100. */
  readonly maxWaitMs?: number;
  /** Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** Default 15,000. */
  readonly rebalanceTimeoutMs?: number;
  /** Default: a fifth of the session's time. */
  readonly heartbeatIntervalMs?: number;
  /** Batches handled at a time. Default 16. */
  readonly concurrency?: number;
  /** Milliseconds that a batch may hold up its broker's other partitions. Default 50. */
  readonly handBackAfterMs?: number;
  /** Default 200 to 10,000. */
  readonly retry?: BackoffBounds;
  /** Milliseconds between looks at the log's ends. Default 10,000. */
  readonly watchEveryMs?: number;
  /** Milliseconds without progress, with records to read, after which the consumer calls itself unhealthy. Default 60,000. */
  readonly stallAfterMs?: number;
  /** Milliseconds that `start` tries to reach Kafka. Default 60,000. */
  readonly startTimeoutMs?: number;
  /** Milliseconds that `close` waits for batches under way. Default 5,000. */
  readonly closeTimeoutMs?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly random?: () => number;
}

export type CompiledConsumerOptions = Required<ConsumerOptions>;

/** Defaults filled in. @throws RangeError when the times do not go together. */
export function compileConsumerOptions(options: ConsumerOptions): CompiledConsumerOptions {
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
  const compiled: CompiledConsumerOptions = {
    onError: () => {},
    maxBytes: 10 * 1_048_576,
    maxBytesPerPartition: 1_048_576,
    maxWaitMs: 100,
    rebalanceTimeoutMs: 15_000,
    heartbeatIntervalMs: Math.round(sessionTimeoutMs / 5),
    concurrency: 16,
    handBackAfterMs: 50,
    retry: { minMs: 200, maxMs: 10_000 },
    watchEveryMs: 10_000,
    stallAfterMs: 60_000,
    startTimeoutMs: 60_000,
    closeTimeoutMs: 5_000,
    now: () => performance.now(),
    random: Math.random,
    ...options,
    sessionTimeoutMs,
  };
  if (compiled.topics.length === 0) throw new RangeError('a consumer needs a topic');
  if (compiled.heartbeatIntervalMs * 3 > sessionTimeoutMs) {
    throw new RangeError('three heartbeats must fit into the session timeout');
  }
  if (compiled.maxWaitMs + compiled.handBackAfterMs > compiled.heartbeatIntervalMs) {
    throw new RangeError('a fetch and the batches it waits for must fit between two heartbeats');
  }
  return compiled;
}
