import { readConfig } from '@mersal/config';
import { type TopicNames, topicNames } from '@mersal/contracts';
import { createPublisher, type KafkaConnection, type Publisher } from '@mersal/kafka';
import { type Database, readInstallation } from '@mersal/ledger';
import type { Environment } from '../settings.js';

export interface KafkaStage {
  readonly publisher: Publisher;
  readonly topics: TopicNames;
  readonly partitions: number;
}

/** A slow broker is waited for: what was published of an order is not told apart afterwards. In ms. */
const DEADLINE_MS = 30_000;

/** With a publisher for the queue's topics. */
export async function withKafka<T>(
  env: Environment,
  database: Database,
  connection: KafkaConnection,
  work: (stage: KafkaStage) => Promise<T>,
): Promise<T> {
  const { WHATSAPP_SEND_QUEUE_NAME: queue } = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
  const { partitions } = await readInstallation(database, queue);
  const publisher = await createPublisher({ connection, deadlineMs: DEADLINE_MS });
  try {
    return await work({ publisher, topics: topicNames(queue), partitions });
  } finally {
    await publisher.close();
  }
}
