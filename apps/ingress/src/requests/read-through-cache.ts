import { within } from './deadline.js';

export interface ReadThroughOptions {
  readonly name: string;
  /** How old an answer may be, in ms. */
  readonly maxAgeMs: number;
  /** Most entries that exist, and most that do not: a flood of wrong keys pushes out no right one. */
  readonly most: number;
  /** Longest wait for a load, in ms; then DeadlinePassed. */
  readonly timeoutMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Entry<V> {
  readonly value: V | undefined;
  readonly at: number;
}

/** From this share of its greatest age on, an answer that is asked for is also asked anew, behind the caller's back. */
const REFRESH_FROM = 0.5;

/**
 * Remembers answers for a short time, least recently used first out. Callers of one key share one load. An answer that
 * is too old is never given, also not while a new one can't be had: the load's error is. What is asked for often is loaded
 * anew before it is too old, so that nobody waits for it, and a slow moment of the store has until then to pass:
 *
 *   age   0 ──────────────── half ─────────────────── greatest ──────►
 *         given              given, and asked anew    asked anew, and waited for
 */
export class ReadThroughCache<V> {
  readonly #options: ReadThroughOptions;
  readonly #present = new Map<string, Entry<V>>();
  readonly #absent = new Map<string, Entry<V>>();
  readonly #loads = new Map<string, Promise<V | undefined>>();

  constructor(options: ReadThroughOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#present.size + this.#absent.size;
  }

  /** `load` gives undefined where there is no such thing, which is remembered too. */
  async get(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const { name, timeoutMs, maxAgeMs, now } = this.#options;
    const entry = this.#recall(this.#present, key) ?? this.#recall(this.#absent, key);
    if (entry) {
      const isDue = now() - entry.at >= maxAgeMs * REFRESH_FROM;
      // Its failure is nobody's: whoever asks when the answer is too old is told of the next one.
      if (isDue && !this.#loads.has(key)) this.#load(key, load).catch(() => undefined);
      return entry.value;
    }
    return within(name, timeoutMs, this.#loads.get(key) ?? this.#load(key, load));
  }

  /** What is known of it was true until now: the next caller asks anew, and an answer under way counts for nobody else. */
  forget(key: string): void {
    this.#loads.delete(key);
    this.#present.delete(key);
    this.#absent.delete(key);
  }

  #recall(entries: Map<string, Entry<V>>, key: string): Entry<V> | undefined {
    const entry = entries.get(key);
    if (!entry) return undefined;
    entries.delete(key);
    if (this.#options.now() - entry.at > this.#options.maxAgeMs) return undefined;
    entries.set(key, entry);
    return entry;
  }

  #load(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    // The age counts from before the question: the answer may have been read at once.
    const at = this.#options.now();
    const isNewest = (): boolean => this.#loads.get(key) === loading;
    const loading: Promise<V | undefined> = load()
      .then((value) => {
        if (isNewest()) this.#remember(key, { value, at });
        return value;
      })
      .finally(() => {
        if (isNewest()) this.#loads.delete(key);
      });
    this.#loads.set(key, loading);
    return loading;
  }
  #remember(key: string, entry: Entry<V>): void {
    const [entries, others] =
      entry.value === undefined ? [this.#absent, this.#present] : [this.#present, this.#absent];
    others.delete(key);
    entries.set(key, entry);
    if (entries.size <= this.#options.most) return;
    const oldest = entries.keys().next();
    if (oldest.done !== true) entries.delete(oldest.value);
  }
}
