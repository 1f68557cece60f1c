import type { IHeaders, KafkaMessage } from 'kafkajs';

/** A record as it was read. */
export interface InRecord {
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Raw values by name, as own properties; of a name that is there more than once, the last. One without a value is left out. */
  readonly headers: Readonly<Record<string, Buffer>>;
  /** Epoch milliseconds: when it was created, or appended, as its topic is set up. */
  readonly timestamp: number;
}

/** Records of one partition, in order of their offsets, which may have gaps. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly InRecord[];
  /** Of the first record. */
  readonly firstOffset: bigint;
  /** The last offset that the batch covers: of the last record, or of what Kafka keeps for itself behind it. */
  readonly lastOffset: bigint;
  /** The offset that the partition's next record would have had when this was read. */
  readonly highWatermark: bigint;
  /** Aborted once the partition is not ours any more, or is read from elsewhere. */
  readonly signal: AbortSignal;
  readonly isOwned: () => boolean;
}

export function inRecord(message: KafkaMessage): InRecord {
  return {
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    headers: bufferHeaders(message.headers ?? {}),
    timestamp: Number(message.timestamp),
  };
}

function bufferHeaders(headers: IHeaders): Record<string, Buffer> {
  if (Object.values(headers).every((value) => Buffer.isBuffer(value)))
    return headers as Record<string, Buffer>;
  const buffers: Record<string, Buffer> = {};
  for (const name of Object.keys(headers)) {
    const values: IHeaders[string] | null = headers[name];
    // kafkajs gives null for a header without a value, though its types do not say so.
    const value: string | Buffer | null | undefined = Array.isArray(values) ? values.at(-1) : values;
    if (value !== undefined && value !== null)
      buffers[name] = Buffer.isBuffer(value) ? value : Buffer.from(value);
  }
  return buffers;
}

/** Those of the named headers that are there, as text. */
export function textHeaders<Name extends string>(
  headers: Readonly<Record<string, Buffer>>,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const texts: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (value !== undefined) texts[name] = value.toString('utf8');
  }
  return texts;
}
