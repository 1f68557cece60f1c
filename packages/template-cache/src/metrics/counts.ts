export type CacheEventKind = 'hit' | 'miss' | 'creation';

export interface CacheMetrics {
  readonly hits: number;
  readonly misses: number;
  readonly creations: number;
  /** 0 to 1; null without requests. */
  readonly hitRate: number | null;
  readonly missRate: number | null;
  /** hits + misses */
  readonly totalRequests: number;
}

export class Counts {
  hits = 0;
  misses = 0;
  creations = 0;

  add(kind: CacheEventKind, n = 1): void {
    if (kind === 'hit') this.hits += n;
    else if (kind === 'miss') this.misses += n;
    else this.creations += n;
  }

  metrics(): CacheMetrics {
    const { hits, misses, creations } = this;
    const totalRequests = hits + misses;
    return {
      hits,
      misses,
      creations,
      hitRate: totalRequests === 0 ? null : hits / totalRequests,
      missRate: totalRequests === 0 ? null : misses / totalRequests,
      totalRequests,
    };
  }
}

const MOST_KEYS = 1_000;
/** Keys beyond the bound count together under this name. */
export const OTHER_KEYS = '(others)';

/** All-time counts of this process, in all and by key. Never trimmed: keys beyond a bound are counted together. */
export class CountsByKey {
  readonly total = new Counts();
  readonly #keys = new Map<string, Counts>();

  add(kind: CacheEventKind, key: string): void {
    this.total.add(kind);
    const counts = this.#keys.get(key) ?? this.#countsFor(key);
    counts.add(kind);
  }

  #countsFor(key: string): Counts {
    const name = this.#keys.size < MOST_KEYS ? key : OTHER_KEYS;
    let counts = this.#keys.get(name);
    if (!counts) {
      counts = new Counts();
      this.#keys.set(name, counts);
    }
    return counts;
  }

  byKey(): Record<string, CacheMetrics> {
    return Object.fromEntries([...this.#keys].map(([key, counts]) => [key, counts.metrics()]));
  }
}
