export { type CacheHealth, cacheHealth } from './cache-health.js';
export { decodeHeaders, encodeHeaders, type EventHeaders, OPERATION_TRACEPARENT } from './cloudevents.js';
export { asyncApiDocument, jsonSchemas } from './documents.js';
export { type CallbackReceived, callbackReceived } from './events/callback.js';
export { type DecodedEvent, decodeData, decodeEvent, encodeEvent, rereadEvent } from './events/codec.js';
export {
  distinctHashes,
  type HashSketch,
  mergeSketches,
  SKETCH_SIZE,
  sketchValue,
} from './events/distinct-hashes.js';
export { type MessageOutcome, messageOutcome } from './events/outcome.js';
export { type EventOf, type EventType, eventSchemas, UndecodableRecord } from './events/registry.js';
export {
  type SendContent,
  type SendRedrive,
  type SendRequested,
  type SendRetry,
  sendContent,
  sendRedrive,
  sendRequested,
  sendRetry,
} from './events/send.js';
export { isStorable } from './events/storable.js';
export { templateEventRecord } from './events/template-record.js';
export { type TemplateAlert, type TemplateEvent, templateAlert, templateEvent } from './events/template.js';
export {
  defaultConversationId,
  type IdKeys,
  idempotentU,
  joinMessageId,
  type MessageId,
  messageId,
  parseIdKeys,
  parseMessageId,
  randomU,
  verifyMessageId,
} from './ids.js';
export { murmur2, partitionFor } from './partition.js';
export { type DeadReason, deadReasons, type ProblemCode, problems } from './problems.js';
export {
  FINAL_STATES,
  MESSAGE_STATES,
  type MessageState,
  OUTCOME_STATES,
  type OutcomeState,
  PROVIDER_STATUSES,
  type ProviderStatus,
} from './states.js';
export {
  DEFAULT_QUEUE,
  MAX_RECORD_BYTES,
  type TopicNames,
  type TopicSettings,
  topicNames,
  topicSettings,
} from './topics.js';
export {
  CACHE_METRICS_GROUP,
  type KafkaOperation,
  type KafkaRight,
  kafkaRights,
  READER_GROUPS,
  sendersGroup,
  SERVICES,
  type Service,
} from './rights/kafka-rights.js';
export { type RedisRights, redisRights } from './rights/redis-rights.js';
