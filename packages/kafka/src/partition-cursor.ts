/** Why a partition is not read at the moment. */
export type Hold = 'assigning' | 'owner' | 'busy' | 'backoff' | 'repositioning';

/**
 * Where one partition is read from next, and whether it is read at all. No I/O: the consumer acts on its answers.
 *
 * A batch is delivered only when it was fetched from exactly the offset that is due. Its first record may be a later one (offsets
 * have gaps), but none was skipped. kafkajs fetches from other offsets at times: from the committed one before a seek takes hold,
 * from the log's beginning when the offset is out of range.
 */
export class PartitionCursor {
  readonly topic: string;
  readonly partition: number;
  /** Batches that failed in a row. */
  failures = 0;
  /** The log's end as last seen; null before. */
  end: bigint | null = null;
  #due: bigint | null = null;
  /** Where kafkajs went by itself over offsets that hold no record. */
  #passedTo: bigint | null = null;
  #version = 0;
  #batch: AbortController | null = null;
  readonly #holds = new Set<Hold>(['assigning']);

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** The offset due next; null before it is known. */
  get due(): bigint | null {
    return this.#due;
  }

  /** Changes with every move that the reading itself did not cause. */
  get version(): number {
    return this.#version;
  }

  get held(): boolean {
    return this.#holds.size > 0;
  }

  has(hold: Hold): boolean {
    return this.#holds.has(hold);
  }

  /** True when this stops the reading. */
  hold(hold: Hold): boolean {
    const before = this.#holds.size;
    this.#holds.add(hold);
    return before === 0;
  }

  /** True when this lets the reading go on. */
  release(hold: Hold): boolean {
    return this.#holds.delete(hold) && this.#holds.size === 0;
  }

  moveTo(offset: bigint): void {
    this.#due = offset;
    this.#passedTo = null;
    this.#version += 1;
    this.abort();
  }

  /** The signal of the batch that is about to be delivered. */
  begin(): AbortSignal {
    this.#batch = new AbortController();
    return this.#batch.signal;
  }

  /** Tells the batch under way that its result does not count any more. */
  abort(): void {
    this.#batch?.abort();
    this.#batch = null;
  }

  /** Whether a batch fetched from this offset is the one that is due. */
  accepts(fetchedFrom: bigint): boolean {
    return this.#due !== null && (fetchedFrom === this.#due || fetchedFrom === this.#passedTo);
  }

  /** kafkajs passed offsets up to and including this one that hold no record for us. */
  passed(lastOffset: bigint): void {
    if (this.#due !== null && lastOffset + 1n > this.#due) this.#passedTo = lastOffset + 1n;
  }

  /** The owner has taken everything up to and including this offset. */
  delivered(lastOffset: bigint): void {
    this.#due = lastOffset + 1n;
    this.#passedTo = null;
    this.failures = 0;
  }

  /** The first offset of which it is not known that it was delivered or holds no record. */
  get position(): bigint | null {
    return this.#passedTo ?? this.#due;
  }

  /** Records between the position and the log's end as last seen, at most; null when either is unknown. */
  get lag(): bigint | null {
    const position = this.position;
    if (position === null || this.end === null) return null;
    return this.end > position ? this.end - position : 0n;
  }
}

/**
 * Where to read when a fetch did not begin at the offset due: there, as long as the log has it; else at the log's beginning, for
 * re-reading is harmless and skipping is not.
 */
export function repositioned(due: bigint, log: { readonly low: bigint; readonly high: bigint }): bigint {
  return due < log.low || due > log.high ? log.low : due;
}
