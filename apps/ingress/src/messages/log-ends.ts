import type { KafkaAdmin } from '@mersal/kafka';

/**
 * Where the partitions of a topic end. One question to Kafka at a time, shared by all that came before it began: an end that was
 * read earlier than the asker came could lie before the asker's own record.
 */
export class LogEnds {
  readonly #admin: Pick<KafkaAdmin, 'endOffsets'>;
  readonly #topic: string;
  #latest: ReadonlyMap<number, bigint> = new Map();
  #running: Promise<ReadonlyMap<number, bigint>> | undefined;
  #next: Promise<ReadonlyMap<number, bigint>> | undefined;

  constructor(admin: Pick<KafkaAdmin, 'endOffsets'>, topic: string) {
    this.#admin = admin;
    this.#topic = topic;
  }

  /** An end that the partition had at some time; it has not moved back since. */
  atLeast(partition: number): bigint {
    return this.#latest.get(partition) ?? 0n;
  }

  /** The end as of this call or later. */
  async asOfNow(partition: number): Promise<bigint> {
    const ends = await (this.#running === undefined ? this.#read() : this.#afterRunning(this.#running));
    const end = ends.get(partition);
    if (end === undefined) throw new Error(`${this.#topic} has no partition ${partition}`);
    return end;
  }

  #read(): Promise<ReadonlyMap<number, bigint>> {
    const reading = this.#admin
      .endOffsets(this.#topic)
      .then((ends) => {
        this.#latest = ends;
        return ends;
      })
      .finally(() => {
        if (this.#running === reading) this.#running = undefined;
      });
    this.#running = reading;
    return reading;
  }

  #afterRunning(running: Promise<unknown>): Promise<ReadonlyMap<number, bigint>> {
    this.#next ??= running.then(
      () => this.#readNext(),
      () => this.#readNext(),
    );
    return this.#next;
  }

  #readNext(): Promise<ReadonlyMap<number, bigint>> {
    this.#next = undefined;
    return this.#read();
  }
}
