import type { EventShape, RecordedEvent } from './recorded-event.js';

interface SharedShape {
  readonly shape: EventShape;
  /** Where it stands among the shapes. */
  readonly place: number;
  /** Events in the ring that have it. */
  events: number;
}

/** Events of so many kinds (each hash is one) are kept: a kind takes some 700 bytes, an event 10. Their places fit into 16 bits. */
const MOST_SHAPES = 1_000;

/**
 * At most `capacity` events, oldest first, in columns: the time, and the number of what the event shares with others of its kind.
 * 10,000 events of a hundred kinds take about 170 KB.
 */
export class EventRing {
  readonly #capacity: number;
  #at = new Float64Array(0);
  #places = new Uint16Array(0);
  readonly #shapes: (SharedShape | undefined)[] = [];
  readonly #free: number[] = [];
  /** By hash and key: of one such pair there are few. */
  readonly #known = new Map<string, Map<string, readonly SharedShape[]>>();
  #kinds = 0;
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an event, after `full` told that there is room. */
  push(event: RecordedEvent): void {
    // A process that records nothing has no columns.
    if (this.#at.length === 0) {
      this.#at = new Float64Array(this.#capacity);
      this.#places = new Uint16Array(this.#capacity);
    }
    const shared = this.#share(event);
    shared.events += 1;
    const slot = (this.#head + this.#size) % this.#capacity;
    this.#at[slot] = event.at;
    this.#places[slot] = shared.place;
    this.#size += 1;
  }

  get full(): boolean {
    return this.#size === this.#capacity || this.#kinds >= MOST_SHAPES;
  }

  shift(): RecordedEvent | undefined {
    const at = this.oldestAt;
    const shape = this.shiftShape();
    return shape && { ...shape, at };
  }

  /** The time of what is shifted next. */
  get oldestAt(): number {
    return this.#at[this.#head] ?? 0;
  }

  /** Like `shift`, without making an event of it. */
  shiftShape(): EventShape | undefined {
    const shared = this.#size === 0 ? undefined : this.#shapes[this.#places[this.#head] ?? 0];
    if (shared === undefined) return undefined;
    this.#head = (this.#head + 1) % this.#capacity;
    this.#size -= 1;
    shared.events -= 1;
    if (shared.events === 0) this.#forget(shared);
    return shared.shape;
  }

  #share(event: RecordedEvent): SharedShape {
    const byKey = this.#known.get(event.hash);
    const alike = byKey?.get(event.key);
    const known = alike?.find(({ shape }) => isAlike(shape, event));
    if (known) return known;
    const { at: _at, ...shape } = event;
    const place = this.#free.pop() ?? this.#shapes.length;
    const shared: SharedShape = { shape, place, events: 0 };
    this.#shapes[place] = shared;
    if (byKey) byKey.set(event.key, alike ? [...alike, shared] : [shared]);
    else this.#known.set(event.hash, new Map([[event.key, [shared]]]));
    this.#kinds += 1;
    return shared;
  }

  #forget(shared: SharedShape): void {
    const { hash, key } = shared.shape;
    const byKey = this.#known.get(hash);
    const others = byKey?.get(key)?.filter((one) => one !== shared) ?? [];
    if (others.length > 0) byKey?.set(key, others);
    else byKey?.delete(key);
    if (byKey?.size === 0) this.#known.delete(hash);
    this.#shapes[shared.place] = undefined;
    this.#free.push(shared.place);
    this.#kinds -= 1;
  }
}

/** Of the same hash and key. */
function isAlike(shape: EventShape, event: RecordedEvent): boolean {
  return (
    shape.kind === event.kind &&
    shape.tenant === event.tenant &&
    shape.sid === event.sid &&
    shape.source === event.source &&
    shape.reason === event.reason
  );
}
