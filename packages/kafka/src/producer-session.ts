import type { Message, Producer, RecordMetadata, TopicMessages } from 'kafkajs';
import { accessErrorOf, type KafkaAccessError } from './access-error.js';
import { createClient, type KafkaConnection, retryOptions } from './connection.js';
import { createFencedSockets } from './fenced-sockets.js';
import { kafkajsErrorFacts } from './kafkajs-error.js';
import type { OutRecord } from './out-record.js';

/**
 * One idempotent producer, from its connection to its end. It is used by one request after the other; after any error of
 * `connect` or `send` it must be discarded: its sequence numbers say nothing any more.
 */
export interface ProducerSession {
  connect(): Promise<void>;
  /** Resolves with those of the records that Kafka refused for their size; all others are acknowledged. Rejects with NothingWritten, or in doubt. */
  send(records: readonly OutRecord[]): Promise<ReadonlySet<OutRecord>>;
  /** Called when a connection closes. */
  onClosed(listener: () => void): void;
  /** Ends it politely. */
  close(): Promise<void>;
  /** Ends it at once and for good: after this nothing is written. */
  discard(): void;
}

export interface SessionOptions {
  readonly connection: KafkaConnection;
  /** Milliseconds a single request may take before kafkajs repeats it with the same sequence numbers. */
  readonly requestTimeoutMs: number;
}

const SEND_RETRIES = 5;
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

export function kafkajsSession(options: SessionOptions): ProducerSession {
  const sockets = createFencedSockets();
  const client = createClient(options.connection, {
    requestTimeoutMs: options.requestTimeoutMs,
    retries: 2,
    sockets,
  });
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    retry: retryOptions(SEND_RETRIES),
    createPartitioner: () => explicitPartition,
  });
  // Of the send under way: requests to write that were answered, and those of which nobody knows.
  let answered = 0;
  let doubtful = 0;
  producer.on(producer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === 'Produce') answered += 1;
  });
  producer.on(producer.events.REQUEST_TIMEOUT, () => {
    doubtful += 1;
  });
  sockets.onClosed(() => {
    doubtful += 1;
  });
  return {
    connect: () => producer.connect(),
    async send(records) {
      answered = 0;
      doubtful = 0;
      try {
        return await sendIsolatingTooLarge(producer, records, options.requestTimeoutMs);
      } catch (error) {
        const refusal = accessErrorOf(error);
        const once = answered <= 1 && doubtful === 0;
        if (refusal && once && isOnePartition(records)) throw new NothingWritten(refusal);
        throw error;
      }
    },
    onClosed: (listener) => sockets.onClosed(listener),
    async close() {
      try {
        await producer.disconnect();
      } finally {
        sockets.destroy(false);
      }
    },
    discard() {
      sockets.destroy();
      // Only ends its timers: the sockets are gone already.
      producer.disconnect().catch((error: unknown) => {
        options.connection.logger.debug({ err: error }, 'a discarded producer did not disconnect');
      });
    },
  };
}

/**
 * Kafka refuses this client, and nothing of the send was written: its records were for one partition, so one broker had them, which
 * answered the only request that there was, or none got that far. With several partitions another broker may have taken its part.
 */
export class NothingWritten extends Error {
  readonly refusal: KafkaAccessError;
  constructor(refusal: KafkaAccessError) {
    super(refusal.message, { cause: refusal });
    this.name = 'NothingWritten';
    this.refusal = refusal;
  }
}

function isOnePartition(records: readonly OutRecord[]): boolean {
  return new Set(records.map(partitionKey)).size === 1;
}

function explicitPartition({ message }: { message: Message }): number {
  if (message.partition === undefined) throw new Error('every record names its partition');
  return message.partition;
}

/**
 * Kafka refuses a whole partition's part of a request when one record of it is too large, and kafkajs then forgets the sequence
 * numbers of all partitions of the request, although the others were written. So each partition is repeated alone with the
 * same records: what was written is recognised by its sequence numbers and not written twice. Only in the partition that is
 * refused again, of which nothing was written, the records go one by one.
 */
async function sendIsolatingTooLarge(
  producer: Producer,
  records: readonly OutRecord[],
  timeoutMs: number,
): Promise<ReadonlySet<OutRecord>> {
  const refused = new Set<OutRecord>();
  if (await accepted(producer, records, timeoutMs)) return refused;
  for (const ofPartition of byPartition(records)) {
    if (await accepted(producer, ofPartition, timeoutMs)) continue;
    for (const record of ofPartition) {
      if (!(await accepted(producer, [record], timeoutMs))) refused.add(record);
    }
  }
  return refused;
}

/** False when Kafka refused a partition for its size; throws on any other failure. */
async function accepted(
  producer: Producer,
  records: readonly OutRecord[],
  timeoutMs: number,
): Promise<boolean> {
  try {
    const answer = await producer.sendBatch({
      acks: -1,
      timeout: timeoutMs,
      topicMessages: topicMessages(records),
    });
    const missing = unacknowledged(records, answer);
    if (missing.length > 0) throw new Error(`no acknowledgement for ${missing.join(', ')}`);
    return true;
  } catch (error) {
    const { type } = kafkajsErrorFacts(error);
    if (type !== undefined && TOO_LARGE.has(type)) return false;
    throw error;
  }
}

/**
 * The partitions of a request that the answer does not name.
 *
 * kafkajs resolves although it never sent a partition that its metadata lacks, or whose leader moved to a broker that had
 * answered already. Unchecked, those records would count as accepted and be lost.
 */
export function unacknowledged(
  records: readonly OutRecord[],
  answer: readonly Pick<RecordMetadata, 'topicName' | 'partition' | 'errorCode'>[],
): string[] {
  const answered = new Set(
    answer
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ topicName, partition }) => `${topicName}/${partition}`),
  );
  return [...new Set(records.map(partitionKey))].filter((key) => !answered.has(key));
}

function partitionKey(record: OutRecord): string {
  return `${record.topic}/${record.partition}`;
}

function byPartition(records: readonly OutRecord[]): Iterable<readonly OutRecord[]> {
  const groups = new Map<string, OutRecord[]>();
  for (const record of records) {
    const key = partitionKey(record);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [record]);
    else group.push(record);
  }
  return groups.values();
}

function topicMessages(records: readonly OutRecord[]): TopicMessages[] {
  const byTopic = new Map<string, Message[]>();
  for (const { topic, partition, key, value, headers } of records) {
    let messages = byTopic.get(topic);
    if (messages === undefined) byTopic.set(topic, (messages = []));
    messages.push({ key, value, partition, headers });
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}
