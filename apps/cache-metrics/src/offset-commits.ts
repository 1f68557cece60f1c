import type { PartitionOffset } from '@mersal/kafka';

/** Commits offsets to Kafka now and then, the newest of each partition, for whoever watches the lag. */
export class OffsetCommits {
  readonly #commit: (offsets: readonly PartitionOffset[]) => Promise<void>;
  readonly #topic: string;
  readonly #onError: (error: unknown) => void;
  readonly #due = new Map<number, bigint>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    topic: string,
    commit: (offsets: readonly PartitionOffset[]) => Promise<void>,
    onError: (error: unknown) => void,
  ) {
    this.#topic = topic;
    this.#commit = commit;
    this.#onError = onError;
  }

  readonly note = (partition: number, offset: bigint): void => {
    this.#due.set(partition, offset);
  };

  start(everyMs: number): void {
    this.#timer = setInterval(() => this.#flush(), everyMs);
  }

  /** Commits what is due, once. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#flush();
    await this.#running;
  }

  #flush(): void {
    this.#running = this.#running.then(async () => {
      const offsets = [...this.#due].map(([partition, offset]) => ({
        topic: this.#topic,
        partition,
        offset,
      }));
      if (offsets.length === 0) return;
      this.#due.clear();
      await this.#commit(offsets).catch(this.#onError);
    });
  }
}
