import type { PartitionBatch } from '@mersal/kafka';
import type { Ledger, Ownership, TopicRole } from '@mersal/ledger';

/** A range, or a single record, whose reading so many processes began, each after the one before had died, is the last to be tried so. */
const MOST_TRIES = 3;

export type Manner =
  /** As ever. */
  | 'whole'
  /** Reading the range ended its process twice: record by record. */
  | 'single';

/*
 * How records are read in a partition whose last owner died: one of them may have killed it.
 *
 *   owner died ─► noted before decoding, up to where the log ended at the takeover ─┬─ admitted ─► the note goes
 *                                                                                   └─ died again, twice ─► record by record,
 *                                                   each behind a note of its own; thrice ─► to the dead letters as it was
 *
 * An owner that took over in order notes nothing: it would cost every batch a commit.
 */
export class CarefulReading {
  readonly #ledger: Ledger;
  readonly #reader: string;
  /** By topic and partition of an ownership: where the log ended when it was first read. */
  readonly #until = new Map<string, { readonly epoch: number; readonly offset: bigint }>();

  /** @param reader this process, and no other one that ever was */
  constructor(ledger: Ledger, reader: string) {
    this.#ledger = ledger;
    this.#reader = reader;
  }

  async mannerOf(own: Ownership, role: TopicRole, batch: PartitionBatch): Promise<Manner> {
    if (own.clean || batch.firstOffset >= this.#end(own, role, batch)) return 'whole';
    const tries = await this.#ledger.noteRange(own, role, batch.firstOffset, false, this.#reader);
    return tries < MOST_TRIES ? 'whole' : 'single';
  }

  /** To be asked before a single record is decoded. */
  async isPoison(own: Ownership, role: TopicRole, offset: bigint): Promise<boolean> {
    return (await this.#ledger.noteRange(own, role, offset, true, this.#reader)) >= MOST_TRIES;
  }

  #end(own: Ownership, role: TopicRole, batch: PartitionBatch): bigint {
    const key = `${role}/${own.partition}`;
    const known = this.#until.get(key);
    if (known?.epoch === own.epoch) return known.offset;
    this.#until.set(key, { epoch: own.epoch, offset: batch.highWatermark });
    return batch.highWatermark;
  }
}
