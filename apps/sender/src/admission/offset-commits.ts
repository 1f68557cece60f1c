import type { Clock } from '@mersal/delivery';
import type { PartitionOffset } from '@mersal/kafka';
import type { Logger } from '@mersal/telemetry';

const EVERY_MS = 1_000;

/** Commits admitted offsets to Kafka now and then: for its lag only, owners seek to the ledger's. */
export class OffsetCommits {
  readonly #commit: (offsets: readonly PartitionOffset[]) => Promise<void>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #noted = new Map<string, PartitionOffset>();
  #stopTimer: () => void = () => undefined;
  #underWay: Promise<void> = Promise.resolve();

  constructor(commit: (offsets: readonly PartitionOffset[]) => Promise<void>, clock: Clock, logger: Logger) {
    this.#commit = commit;
    this.#clock = clock;
    this.#logger = logger;
  }

  readonly note = (topic: string, partition: number, offset: bigint): void => {
    this.#noted.set(`${topic}/${partition}`, { topic, partition, offset });
  };

  start(): void {
    this.#stopTimer = this.#clock.every(EVERY_MS, () => {
      this.#underWay = this.#underWay.then(() => this.#flush());
    });
  }

  async stop(): Promise<void> {
    this.#stopTimer();
    await this.#underWay;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#noted.size === 0) return;
    const offsets = [...this.#noted.values()];
    this.#noted = new Map();
    try {
      await this.#commit(offsets);
    } catch (error) {
      this.#logger.debug({ err: error }, 'offsets were not committed; the ledger has them');
    }
  }
}
