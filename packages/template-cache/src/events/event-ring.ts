import type { EventShape, RecordedEvent } from './recorded-event.js';

interface SharedShape {
  readonly id: string;
  readonly shape: EventShape;
  /** Events in the ring that have it. */
  events: number;
}

/** Events of so many kinds (each hash is one) are kept: a kind takes some 500 bytes, an event 16. */
const MOST_SHAPES = 1_000;

/**
 * At most `capacity` events, oldest first, in columns: a number for the time and a reference to what the event shares with others of its
 * kind. 10,000 events of a hundred kinds take about 200 KB.
 */
export class EventRing {
  readonly #capacity: number;
  readonly #at: Float64Array;
  readonly #shapes: (SharedShape | undefined)[];
  readonly #known = new Map<string, SharedShape>();
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#at = new Float64Array(capacity);
    this.#shapes = Array.from({ length: capacity }, () => undefined);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an event, after `full` told that there is room. */
  push(event: RecordedEvent): void {
    const shared = this.#share(event);
    shared.events += 1;
    const slot = (this.#head + this.#size) % this.#capacity;
    this.#at[slot] = event.at;
    this.#shapes[slot] = shared;
    this.#size += 1;
  }

  get full(): boolean {
    return this.#size === this.#capacity || this.#known.size >= MOST_SHAPES;
  }

  shift(): RecordedEvent | undefined {
    const shared = this.#shapes[this.#head];
    if (this.#size === 0 || shared === undefined) return undefined;
    const event = { ...shared.shape, at: this.#at[this.#head] ?? 0 };
    this.#shapes[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#capacity;
    this.#size -= 1;
    shared.events -= 1;
    if (shared.events === 0) this.#known.delete(shared.id);
    return event;
  }

  #share(event: RecordedEvent): SharedShape {
    const { kind, key, hash, tenant, sid = '', source = '', reason = '' } = event;
    const id = `${kind}|${source}|${key.length}|${tenant.length}|${hash.length}|${sid.length}|${key}${tenant}${hash}${sid}${reason}`;
    let shared = this.#known.get(id);
    if (!shared) {
      const { at: _at, ...shape } = event;
      shared = { id, shape, events: 0 };
      this.#known.set(id, shared);
    }
    return shared;
  }
}
