import type { Ownership } from '@mersal/ledger';

/** The partitions that this sender owns now, by what it believes; the ledger's fence knows better. */
export class OwnedPartitions {
  readonly #owned = new Map<number, Ownership>();

  get size(): number {
    return this.#owned.size;
  }

  get numbers(): number[] {
    return [...this.#owned.keys()];
  }

  get all(): Ownership[] {
    return [...this.#owned.values()];
  }

  get(partition: number): Ownership | undefined {
    return this.#owned.get(partition);
  }

  add(own: Ownership): void {
    this.#owned.set(own.partition, own);
  }

  /** Forgets a partition; with an ownership, only if it still is that one. */
  remove(partition: number, own?: Ownership): boolean {
    if (own && this.#owned.get(partition)?.epoch !== own.epoch) return false;
    return this.#owned.delete(partition);
  }
}
