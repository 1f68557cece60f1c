import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaRight, Service, TopicSettings } from '@mersal/contracts';
import kafkajs, { type AclEntry, type Admin } from 'kafkajs';
import { accessErrorOf } from './access-error.js';
import { backoffMs } from './backoff.js';
import { createClient, type KafkaConnection } from './connection.js';
import { createFencedSockets } from './fenced-sockets.js';
import { kafkajsErrorFacts } from './kafkajs-error.js';

/** A setting of a topic that is not as wanted. Nothing changes it but an operator: some changes lose records. */
export interface TopicDrift {
  readonly topic: string;
  /** `partitions`, `replication`, or Kafka's name of the setting. */
  readonly setting: string;
  readonly want: string;
  readonly have: string;
}

export interface EnsuredTopics {
  readonly created: string[];
  readonly existing: string[];
  readonly drifted: TopicDrift[];
}

export interface Watermarks {
  /** The first offset that the log still has. */
  readonly low: bigint;
  /** The offset that the next record will get. */
  readonly high: bigint;
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  /** Null: the group never committed one, or it was reset to the log's beginning or end. */
  readonly committed: bigint | null;
}

export interface PartitionLag extends CommittedOffset {
  readonly end: bigint;
  /** Records that the group has yet to read, counted from the log's beginning where it committed nothing. */
  readonly lag: bigint;
}

/** Questions and changes about topics and groups. Every call may reject with an error of the broker or the network. */
export interface KafkaAdmin {
  /** Creates what is missing. Two at once do no harm. */
  ensureTopics(settings: readonly TopicSettings[]): Promise<EnsuredTopics>;
  /** Those of the topics that exist, with all their settings as in effect. */
  describeTopics(topics: readonly string[]): Promise<TopicSettings[]>;
  /** Rejects when the topic does not exist. */
  partitionCount(topic: string): Promise<number>;
  /** By topic. Rejects when one of them does not exist. */
  partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  watermarks(topic: string): Promise<ReadonlyMap<number, Watermarks>>;
  endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** By partition, the first offset whose record is of that time (epoch milliseconds) or later, else the log's end. */
  offsetsForTimestamp(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  committed(groupId: string, topics: readonly string[]): Promise<CommittedOffset[]>;
  groupLag(groupId: string, topics: readonly string[]): Promise<PartitionLag[]>;
  deleteTopics(topics: readonly string[]): Promise<void>;
  /** Removes the records below the offsets, by partition. */
  deleteRecords(topic: string, below: ReadonlyMap<number, bigint>): Promise<void>;
  /** Allows each service's user what is listed; what is allowed already stays so. Needs the right to alter the cluster. */
  allow(rights: readonly KafkaRight[], principalOf: (service: Service) => string): Promise<void>;
  close(): Promise<void>;
}

export interface AdminOptions {
  readonly connection: KafkaConnection;
  /** Milliseconds during which a call is repeated when its failure may pass, as on a cluster just started. Default 15,000. */
  readonly patienceMs?: number;
}

/** Connects with the first call. */
export function createAdmin(options: AdminOptions): KafkaAdmin {
  return new KafkajsAdmin(options);
}

class KafkajsAdmin implements KafkaAdmin {
  readonly #admin: Admin;
  readonly #sockets = createFencedSockets();
  readonly #patienceMs: number;
  #connected: Promise<void> | undefined;

  constructor({ connection, patienceMs }: AdminOptions) {
    this.#patienceMs = patienceMs ?? 15_000;
    this.#admin = createClient(connection, {
      requestTimeoutMs: 10_000,
      retries: 3,
      sockets: this.#sockets,
    }).admin();
  }

  async ensureTopics(settings: readonly TopicSettings[]): Promise<EnsuredTopics> {
    const known = new Set(await this.#call((admin) => admin.listTopics()));
    const created: string[] = [];
    for (const wanted of settings) {
      if (!known.has(wanted.topic) && (await this.#create(wanted))) created.push(wanted.topic);
    }
    const existing = settings.map(({ topic }) => topic).filter((topic) => !created.includes(topic));
    return {
      created,
      existing,
      drifted: await this.#drifts(settings.filter(({ topic }) => existing.includes(topic))),
    };
  }

  async #create({ topic, partitions, replication, config }: TopicSettings): Promise<boolean> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    // kafkajs answers false when another was faster.
    return this.#call((admin) =>
      admin.createTopics({
        waitForLeaders: true,
        topics: [{ topic, numPartitions: partitions, replicationFactor: replication, configEntries }],
      }),
    );
  }

  async #drifts(settings: readonly TopicSettings[]): Promise<TopicDrift[]> {
    const found = new Map(
      (await this.describeTopics(settings.map(({ topic }) => topic))).map((have) => [have.topic, have]),
    );
    return settings.flatMap((want) => {
      const have = found.get(want.topic);
      if (have === undefined)
        return [{ topic: want.topic, setting: 'topic', want: 'there', have: 'missing' }];
      const pairs: [string, string, string | undefined][] = [
        ['partitions', String(want.partitions), String(have.partitions)],
        ['replication', String(want.replication), String(have.replication)],
        ...Object.entries(want.config).map(([name, value]): [string, string, string | undefined] => [
          name,
          value,
          have.config[name],
        ]),
      ];
      return pairs
        .filter(([, wanted, actual]) => wanted !== actual)
        .map(([setting, wanted, actual]) => ({
          topic: want.topic,
          setting,
          want: wanted,
          have: actual ?? 'unset',
        }));
    });
  }

  async describeTopics(topics: readonly string[]): Promise<TopicSettings[]> {
    const known = new Set(await this.#call((admin) => admin.listTopics()));
    const there = topics.filter((topic) => known.has(topic));
    if (there.length === 0) return [];
    const metadata = await this.#call((admin) => admin.fetchTopicMetadata({ topics: there }));
    const configs = await this.#call((admin) =>
      admin.describeConfigs({
        includeSynonyms: false,
        resources: there.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
      }),
    );
    const configOf = new Map(
      configs.resources.map(({ resourceName, configEntries }) => [
        resourceName,
        Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      ]),
    );
    return metadata.topics.map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.length,
      replication: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      config: configOf.get(name) ?? {},
    }));
  }

  async partitionCount(topic: string): Promise<number> {
    return (await this.partitionCounts([topic])).get(topic) as number;
  }

  async partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const answer = await this.#call((admin) => admin.fetchTopicMetadata({ topics: [...topics] }));
    const counts = new Map(answer.topics.map(({ name, partitions }) => [name, partitions.length]));
    const missing = topics.filter((topic) => !counts.has(topic));
    if (missing.length > 0) throw new Error(`no topic ${missing.join(', ')}`);
    return counts;
  }

  async watermarks(topic: string): Promise<ReadonlyMap<number, Watermarks>> {
    const offsets = await this.#call((admin) => admin.fetchTopicOffsets(topic));
    return new Map(
      offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]),
    );
  }

  async endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map([...(await this.watermarks(topic))].map(([partition, { high }]) => [partition, high]));
  }

  async offsetsForTimestamp(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>> {
    const offsets = await this.#call((admin) => admin.fetchTopicOffsetsByTimestamp(topic, timestampMs));
    return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async committed(groupId: string, topics: readonly string[]): Promise<CommittedOffset[]> {
    const answers = await this.#call((admin) => admin.fetchOffsets({ groupId, topics: [...topics] }));
    return answers.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => {
        const committed = BigInt(offset);
        return { topic, partition, committed: committed < 0n ? null : committed };
      }),
    );
  }

  async groupLag(groupId: string, topics: readonly string[]): Promise<PartitionLag[]> {
    const committed = await this.committed(groupId, topics);
    const logs = new Map<string, ReadonlyMap<number, Watermarks>>();
    for (const topic of topics) logs.set(topic, await this.watermarks(topic));
    return committed.map((at) => {
      const log = logs.get(at.topic)?.get(at.partition);
      if (log === undefined) throw new Error(`no watermarks of ${at.topic}/${at.partition}`);
      const from = at.committed === null || at.committed < log.low ? log.low : at.committed;
      return { ...at, end: log.high, lag: log.high > from ? log.high - from : 0n };
    });
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    await this.#call((admin) => admin.deleteTopics({ topics: [...topics] }));
  }

  async deleteRecords(topic: string, below: ReadonlyMap<number, bigint>): Promise<void> {
    // kafkajs needs the topic's metadata for this and does not fetch it.
    await this.watermarks(topic);
    const partitions = [...below].map(([partition, offset]) => ({ partition, offset: String(offset) }));
    await this.#call((admin) => admin.deleteTopicRecords({ topic, partitions }));
  }

  async allow(rights: readonly KafkaRight[], principalOf: (service: Service) => string): Promise<void> {
    const acl = rights.map(
      (right): AclEntry => ({
        principal: principalOf(right.service),
        host: '*',
        resourceType: kafkajs.AclResourceTypes[right.resource === 'topic' ? 'TOPIC' : 'GROUP'],
        resourceName: right.name,
        resourcePatternType:
          kafkajs.ResourcePatternTypes[right.pattern === 'literal' ? 'LITERAL' : 'PREFIXED'],
        operation: kafkajs.AclOperationTypes[right.operation],
        permissionType: kafkajs.AclPermissionTypes.ALLOW,
      }),
    );
    await this.#call((admin) => admin.createAcls({ acl }));
  }

  async close(): Promise<void> {
    try {
      await this.#admin.disconnect();
    } finally {
      this.#sockets.destroy(false);
    }
  }

  async #call<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + this.#patienceMs;
    for (let failures = 1; ; failures += 1) {
      try {
        this.#connected ??= this.#admin.connect();
        await this.#connected;
        return await work(this.#admin);
      } catch (error) {
        this.#connected = undefined;
        const pause = backoffMs(failures, { minMs: 100, maxMs: 1_000 }, Math.random);
        const refusal = accessErrorOf(error);
        if (refusal || !kafkajsErrorFacts(error).retriable || performance.now() + pause > giveUpAt)
          throw refusal ?? error;
        await sleep(pause);
      }
    }
  }
}
