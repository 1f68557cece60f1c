import { createAdmin, type KafkaConnection, type KafkaLogger, type OutRecord } from '@mersal/kafka';
import { randomName } from '@mersal/testkit';
import { Kafka, logLevel } from 'kafkajs';

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** Keeps its lines for assertions. */
export function recordingLogger(): KafkaLogger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export function connection(
  brokers: readonly string[],
  logger: KafkaLogger = recordingLogger(),
): KafkaConnection {
  return { brokers, clientId: 'kafka-tests', logger };
}

export async function createTopic(
  brokers: readonly string[],
  partitions: number,
  config: Record<string, string> = {},
): Promise<string> {
  const topic = randomName('kafka');
  const admin = createAdmin({ connection: connection(brokers) });
  try {
    await admin.ensureTopics([{ topic, partitions, replication: 1, config }]);
  } finally {
    await admin.close();
  }
  return topic;
}

export function record(
  topic: string,
  partition: number,
  value: string,
  headers: OutRecord['headers'] = {},
): OutRecord {
  return { topic, partition, key: `k${partition}`, value: Buffer.from(value), headers };
}

export interface LoggedRecord {
  readonly partition: number;
  readonly offset: string;
  readonly value: string;
}

/** Everything in a topic's log, read by a plain kafkajs consumer, by partition in order. */
export async function readLog(
  brokers: readonly string[],
  topic: string,
): Promise<Map<number, LoggedRecord[]>> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const consumer = kafka.consumer({ groupId: randomName('readlog'), maxWaitTimeInMs: 50 });
  const log = new Map<number, LoggedRecord[]>();
  await admin.connect();
  try {
    const open = new Set<number>();
    const ends = new Map<number, bigint>();
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      log.set(partition, []);
      ends.set(partition, BigInt(high));
      if (BigInt(low) < BigInt(high)) open.add(partition);
    }
    if (open.size === 0) return log;
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({
          eachBatch: async ({ batch }) => {
            for (const { offset, value } of batch.messages) {
              log.get(batch.partition)?.push({ partition: batch.partition, offset, value: String(value) });
            }
            if (BigInt(batch.lastOffset()) + 1n >= (ends.get(batch.partition) ?? 0n))
              open.delete(batch.partition);
            if (open.size === 0) resolve();
          },
        })
        .catch(reject);
    });
    return log;
  } finally {
    await consumer.disconnect();
    await admin.disconnect();
  }
}
