import { replaceModule } from './kafkajs-modules.js';

/*
 * kafkajs copies the headers of a record once for each of them, reads its varints as objects of 64 bits and cuts every name out of
 * the bytes before it reads it: more than half of what reading a record costs. The decoder of a record is replaced by one that reads
 * in place. What it returns is the same, which a test checks against the original.
 */

/** What kafkajs hands over: the bytes of one record, from its attributes on. */
interface RecordBytes {
  readonly buffer: Buffer;
}

/** Of the batch that the record is in. */
export interface BatchContext {
  readonly firstOffset?: string;
  readonly firstTimestamp?: string;
  readonly magicByte?: number;
  readonly isControlBatch?: boolean;
  readonly timestampType?: number;
  readonly maxTimestamp?: string;
}

type HeaderValue = Buffer | null;

export interface DecodedRecord {
  readonly magicByte: number | undefined;
  readonly attributes: number;
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, HeaderValue | HeaderValue[]>>;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
}

/** The topic's time is the broker's: all records of a batch have the time of its append. */
const LOG_APPEND_TIME = 1;

replaceModule('kafkajs/src/protocol/recordBatch/record/v0/decoder.js', decodeRecord);

export function decodeRecord({ buffer }: RecordBytes, batchContext: BatchContext = {}): DecodedRecord {
  const reader = new Reader(buffer);
  const attributes = buffer.readInt8(reader.skip(1));
  const timestampDelta = reader.varint();
  const offsetDelta = reader.varint();
  const { firstOffset = '0', firstTimestamp = '0', maxTimestamp } = batchContext;
  const key = reader.bytes();
  const value = reader.bytes();
  return {
    magicByte: batchContext.magicByte,
    attributes,
    timestamp:
      batchContext.timestampType === LOG_APPEND_TIME && maxTimestamp
        ? maxTimestamp
        : plus(firstTimestamp, timestampDelta),
    offset: plus(firstOffset, offsetDelta),
    key,
    value,
    headers: readHeaders(reader),
    isControlRecord: batchContext.isControlBatch ?? false,
    batchContext,
  };
}

function readHeaders(reader: Reader): Record<string, HeaderValue | HeaderValue[]> {
  const headers: Record<string, HeaderValue | HeaderValue[]> = {};
  for (let left = reader.varint(); left > 0; left -= 1) {
    const name = reader.text();
    const value = reader.bytes();
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const all = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    // An assignment to that one name would be to the prototype.
    if (name === '__proto__')
      Object.defineProperty(headers, name, {
        value: all,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    else headers[name] = all;
  }
  return headers;
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Where it was. */
  skip(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  /** Zigzag; exact up to the largest safe number. */
  varint(): number {
    let byte = this.#byte();
    let value = byte & 0x7f;
    for (let factor = 0x80; byte > 0x7f; factor *= 0x80) {
      byte = this.#byte();
      value += (byte & 0x7f) * factor;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const from = this.skip(length);
    return this.#buffer.subarray(from, from + length);
  }

  text(): string {
    const length = this.varint();
    const from = this.skip(Math.max(0, length));
    return length < 0 ? 'null' : this.#buffer.toString('utf8', from, from + length);
  }

  #byte(): number {
    const byte = this.#buffer[this.#at];
    if (byte === undefined) throw new RangeError('a record ends within a number');
    this.#at += 1;
    return byte;
  }
}

function plus(first: string, delta: number): string {
  const sum = Number(first) + delta;
  return Number.isSafeInteger(sum) ? String(sum) : String(BigInt(first) + BigInt(delta));
}
