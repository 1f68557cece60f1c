import { BATCH_OVERHEAD_BYTES, type OutRecord } from './out-record.js';

export interface PublishLimits {
  /** Records accepted and not yet answered, those of the request under way included. */
  readonly maxQueuedRecords: number;
  /** Their bytes. */
  readonly maxQueuedBytes: number;
  /** Records of one request. */
  readonly maxBatchRecords: number;
  /** Bytes of one request. */
  readonly maxBatchBytes: number;
  /** Kafka's `max.message.bytes` of a topic: it bounds all that one request brings to one partition, not a single record. */
  readonly maxMessageBytes: (topic: string) => number;
}

/** One publish call: all of its records are acknowledged, or it fails. */
export interface Submission {
  readonly records: readonly OutRecord[];
  readonly sizes: readonly number[];
  readonly bytes: number;
  readonly deadlineAt: number;
  readonly settle: (error: Error | null) => void;
  /** Records not taken into a request yet. */
  waiting: number;
  /** Records not acknowledged yet. */
  unacknowledged: number;
  /** Whether a record of it was ever part of a request. */
  requested: boolean;
  settled: boolean;
}

export interface QueuedRecord {
  readonly record: OutRecord;
  readonly bytes: number;
  readonly submission: Submission;
}

/** What waits to be published, in order, with bounds. No I/O and no clock: the publisher drives it. */
export class PublishQueue {
  readonly #limits: PublishLimits;
  #waiting: QueuedRecord[] = [];
  #head = 0;
  /** Records at or after #head whose submission is settled. */
  #dead = 0;
  #records = 0;
  #bytes = 0;

  constructor(limits: PublishLimits) {
    this.#limits = limits;
  }

  /** Records accepted and not answered. */
  get queued(): number {
    return this.#records;
  }

  /** Whether a request could be made now. */
  get hasWaiting(): boolean {
    return this.#waiting.length - this.#head - this.#dead > 0;
  }

  /** Whether a request made now would be as large as requests get. */
  get full(): boolean {
    return this.#waiting.length - this.#head - this.#dead >= this.#limits.maxBatchRecords;
  }

  /** The record of a call that no request could carry, or undefined. */
  tooLarge(records: readonly OutRecord[], sizes: readonly number[]): OutRecord | undefined {
    return records.find(
      ({ topic }, at) => (sizes[at] ?? 0) + BATCH_OVERHEAD_BYTES > this.#limits.maxMessageBytes(topic),
    );
  }

  /** False, and nothing changes, when the bounds do not admit the call. */
  offer(submission: Submission): boolean {
    if (this.#records + submission.records.length > this.#limits.maxQueuedRecords) return false;
    if (this.#bytes + submission.bytes > this.#limits.maxQueuedBytes) return false;
    this.#records += submission.records.length;
    this.#bytes += submission.bytes;
    submission.records.forEach((record, index) => {
      this.#waiting.push({ record, bytes: submission.sizes[index] ?? 0, submission });
    });
    return true;
  }

  /** The records of the next request: the longest prefix that fits. Marks their submissions as requested. */
  take(): QueuedRecord[] {
    const batch: QueuedRecord[] = [];
    const partitionBytes = new Map<string, number>();
    let bytes = 0;
    for (;;) {
      this.#skipDead();
      const next = this.#waiting[this.#head];
      if (next === undefined || batch.length >= this.#limits.maxBatchRecords) break;
      const { topic, partition } = next.record;
      const key = `${topic}\u0000${partition}`;
      const ofPartition = (partitionBytes.get(key) ?? BATCH_OVERHEAD_BYTES) + next.bytes;
      const fits =
        bytes + next.bytes <= this.#limits.maxBatchBytes &&
        ofPartition <= this.#limits.maxMessageBytes(topic);
      if (!fits && batch.length > 0) break;
      partitionBytes.set(key, ofPartition);
      bytes += next.bytes;
      next.submission.requested = true;
      next.submission.waiting -= 1;
      batch.push(next);
      this.#head += 1;
    }
    this.#compact();
    return batch;
  }

  /** Kafka has the record. */
  acknowledge(entry: QueuedRecord): void {
    entry.submission.unacknowledged -= 1;
    if (entry.submission.unacknowledged === 0) this.settle(entry.submission, null);
  }

  /** Ends a submission, once; those of its records that still wait will not be sent. */
  settle(submission: Submission, error: Error | null): void {
    if (submission.settled) return;
    submission.settled = true;
    this.#records -= submission.records.length;
    this.#bytes -= submission.bytes;
    if (error !== null) {
      this.#dead += submission.waiting;
      this.#compact();
    }
    submission.settle(error);
  }

  #skipDead(): void {
    while (this.#waiting[this.#head]?.submission.settled === true) {
      this.#head += 1;
      this.#dead -= 1;
    }
  }

  #compact(): void {
    if (this.#dead > (this.#waiting.length - this.#head) / 2) {
      this.#waiting = this.#waiting.slice(this.#head).filter((entry) => !entry.submission.settled);
      this.#head = 0;
      this.#dead = 0;
    } else if (this.#head > 1_024 && this.#head > this.#waiting.length / 2) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}
