// First: it must be there before kafkajs is.
import './kafkajs-decode-record.js';
import './kafkajs-encode-record.js';
export { KafkaAccessError, type KafkaAccessErrorCode } from './access-error.js';
export {
  type AdminOptions,
  type CommittedOffset,
  createAdmin,
  type EnsuredTopics,
  type KafkaAdmin,
  type PartitionLag,
  type TopicDrift,
  type Watermarks,
} from './admin.js';
export type { BackoffBounds } from './backoff.js';
export type { KafkaConnection, SaslOptions } from './connection.js';
export { type ConsumerPosition, createConsumer, type PartitionConsumer } from './consumer.js';
export type { ConsumerHealth } from './consumer-health.js';
export type {
  Assignment,
  ConsumerOptions,
  ConsumerTrouble,
  PartitionOffset,
  Revocation,
  TopicPartition,
} from './consumer-options.js';
export { type InRecord, type PartitionBatch, textHeaders } from './in-record.js';
export type { KafkaLogger } from './kafka-logger.js';
export type { OutRecord } from './out-record.js';
export { PublishError, type PublishErrorCode } from './publish-error.js';
export { type OffsetRange, type ReadRangeOptions, readRange } from './read-range.js';
export { createPublisher, type Publisher, type PublisherOptions } from './publisher.js';
export { connectionOf, type ConnectionSettings } from './connection-of.js';
