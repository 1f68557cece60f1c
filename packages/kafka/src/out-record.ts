/** A record to be published. The partition is the caller's: nothing here chooses one. */
export interface OutRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string | Buffer>>;
}

/** Of a record batch's header. */
export const BATCH_OVERHEAD_BYTES = 61;
/** Length, attributes, timestamp and offset deltas, key and value lengths, header count, each at its longest. */
const RECORD_OVERHEAD_BYTES = 1 + 5 + 10 + 5 + 5 + 5 + 5;
const HEADER_OVERHEAD_BYTES = 5 + 5;

/** Upper bound of the bytes that a record takes in a batch. */
export function recordBytes(record: OutRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.value?.length ?? 0);
  if (record.key !== null) bytes += Buffer.byteLength(record.key);
  for (const [name, value] of Object.entries(record.headers)) {
    bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return bytes;
}
