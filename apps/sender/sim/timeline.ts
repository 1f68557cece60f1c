interface Entry {
  readonly at: number;
  readonly n: number;
  run: (() => void) | undefined;
}

/**
 * Virtual time: one thing happens after the other, and all that follows from it without waiting happens before the
 * next. Events of one moment happen in the order in which they were asked for.
 */
export class Timeline {
  /** ms since the simulation began. */
  now = 0;
  /** Events so far. */
  steps = 0;
  #heap: Entry[] = [];
  #n = 0;
  #failure: { readonly error: unknown } | undefined;

  /** Calls at that time. Returns how to cancel it. */
  at(time: number, run: () => void): () => void {
    this.#n += 1;
    const entry: Entry = { at: Math.max(time, this.now), n: this.#n, run };
    push(this.#heap, entry);
    return () => {
      entry.run = undefined;
    };
  }

  after(ms: number, run: () => void): () => void {
    return this.at(this.now + ms, run);
  }

  /** What must not happen ends the run. */
  readonly fail = (error: unknown): void => {
    this.#failure ??= { error };
  };

  /** Until that time, or until `done` says so, looked at after every step. */
  async run(until: number, done: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (!next || next.at > until) break;
      pop(this.#heap);
      if (!next.run) continue;
      this.now = next.at;
      this.steps += 1;
      next.run();
      await drained();
      if (this.#failure) throw this.#failure.error;
      if (done()) return;
    }
    this.now = until;
  }
}

/** Node looks at its tick queue only once no microtask is left: by then everything that could go on has. */
function drained(): Promise<void> {
  return new Promise((next) => process.nextTick(next));
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.n < b.n);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(entry, heap[parent] as Entry)) break;
    heap[at] = heap[parent] as Entry;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop() as Entry;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
    if (!before(heap[child] as Entry, last)) break;
    heap[at] = heap[child] as Entry;
    at = child;
  }
  heap[at] = last;
}
