/** Seeded draws: mulberry32. A simulation has no other source of chance. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };

  chance(share: number): boolean {
    return this.next() < share;
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** Whole, both ends included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(all: readonly T[]): T {
    if (all.length === 0) throw new RangeError('nothing to pick from');
    return all[Math.floor(this.next() * all.length)] as T;
  }

  /** By weight. */
  weighted<T>(all: readonly (readonly [T, number])[]): T {
    let at = this.next() * all.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [one, weight] of all) {
      at -= weight;
      if (at < 0) return one;
    }
    return (all.at(-1) as readonly [T, number])[0];
  }

  shuffle<T>(all: readonly T[]): T[] {
    const left = [...all];
    const out: T[] = [];
    while (left.length > 0) out.push(...left.splice(Math.floor(this.next() * left.length), 1));
    return out;
  }

  /** A source of its own, so that what one part draws does not change what another does. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 4_294_967_296));
  }
}
