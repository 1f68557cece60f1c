import { setMaxListeners } from 'node:events';
import type { Assignment, PartitionOffset } from './consumer-options.js';
import { PartitionCursor } from './partition-cursor.js';

/** One assignment, from the group's decision to its end, with a cursor for each of its partitions. */
export class Ownership implements Assignment {
  readonly generation: number;
  readonly byTopic: ReadonlyMap<string, readonly number[]>;
  readonly partitions: readonly number[];
  readonly #cursors = new Map<string, PartitionCursor>();
  readonly #ended = unboundedListeners(new AbortController());

  constructor(generation: number, memberAssignment: Readonly<Record<string, readonly number[]>>) {
    this.generation = generation;
    this.byTopic = new Map(
      Object.entries(memberAssignment).map(([topic, list]) => [topic, [...list].sort((a, b) => a - b)]),
    );
    this.partitions = [...new Set([...this.byTopic.values()].flat())].sort((a, b) => a - b);
    for (const [topic, partitions] of this.byTopic) {
      for (const partition of partitions) {
        this.#cursors.set(`${topic}/${partition}`, new PartitionCursor(topic, partition));
      }
    }
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get ended(): boolean {
    return this.#ended.signal.aborted;
  }

  get cursors(): Iterable<PartitionCursor> {
    return this.#cursors.values();
  }

  cursor(topic: string, partition: number): PartitionCursor | undefined {
    return this.#cursors.get(`${topic}/${partition}`);
  }

  end(): void {
    this.#ended.abort();
    for (const cursor of this.#cursors.values()) cursor.abort();
  }

  /** The owner's start offsets that are of this assignment, and the cursors that it left open. */
  start(offsets: readonly PartitionOffset[]): {
    named: [PartitionCursor, bigint][];
    open: PartitionCursor[];
  } {
    const named: [PartitionCursor, bigint][] = [];
    const open = new Set(this.#cursors.values());
    for (const { topic, partition, offset } of offsets) {
      const cursor = this.cursor(topic, partition);
      if (cursor === undefined) throw new RangeError(`${topic}/${partition} is not of this assignment`);
      if (offset < 0n) throw new RangeError(`negative offset for ${topic}/${partition}`);
      named.push([cursor, offset]);
      open.delete(cursor);
    }
    return { named, open: [...open] };
  }
}

/** Every partition of the assignment may wait on its signal: that many listeners are no leak. */
function unboundedListeners(controller: AbortController): AbortController {
  setMaxListeners(0, controller.signal);
  return controller;
}
