import type { Head } from '@mersal/lanes';
import type { KeyedRate } from '@mersal/limits';
import type { Clock } from '../clock/clock.js';

export interface TenantPaceParts {
  readonly rate: KeyedRate;
  /** Of a restaurant, messages a second; null: none. It may change with every call. */
  readonly perSecondOf: (tenant: number) => number | null;
  readonly clock: Clock;
}

/** `go`: now. Else the restaurant's next message may be picked at `until`, on the monotonic clock. */
export type Pace = { readonly go: true } | { readonly go: false; readonly until: number };

/** An instant this near is as good as now: claiming takes longer, in ms. */
const NEAR_MS = 5;

/**
 * The rates of restaurants that have one. An instant that lies ahead is kept for the restaurant's next message: asking again
 * when it comes would reserve another.
 *
 *   picked ─► an instant kept? ─┬─ no ──► ask ─┬─ granted, near ─► go
 *                               └─ near ─► go  ├─ granted, ahead ─► keep it, pick again then
 *                                              └─ beyond the horizon ─► ask again then
 */
export class TenantPace {
  readonly #parts: TenantPaceParts;
  readonly #kept = new Map<number, number>();

  constructor(parts: TenantPaceParts) {
    this.#parts = parts;
  }

  /** One answer a head, in order: at most one of a restaurant goes at once. */
  async of(heads: readonly Head[]): Promise<Pace[]> {
    const { rate, perSecondOf, clock } = this.#parts;
    const paces = new Map<number, Pace>();
    const asks: { readonly tenant: number; readonly key: string; readonly perSecond: number }[] = [];
    for (const { tenant } of heads) {
      const perSecond = perSecondOf(tenant);
      if (perSecond === null || paces.has(tenant)) continue;
      const kept = this.#kept.get(tenant);
      if (kept === undefined) asks.push({ tenant, key: `tenant:${tenant}`, perSecond });
      paces.set(tenant, this.#near(tenant, kept ?? Number.POSITIVE_INFINITY));
    }
    if (asks.length > 0) {
      const grants = await rate.reserve(asks);
      for (const [n, { tenant }] of asks.entries()) {
        const grant = grants[n];
        if (!grant) continue;
        if (grant.granted) this.#kept.set(tenant, grant.at);
        paces.set(tenant, grant.granted ? this.#near(tenant, grant.at) : { go: false, until: grant.at });
      }
    }
    return heads.map(({ tenant }) => {
      const pace = paces.get(tenant);
      if (!pace) return { go: true };
      // The next one of this restaurant has to ask for an instant of its own.
      if (pace.go) paces.set(tenant, { go: false, until: clock.now() + NEAR_MS });
      return pace;
    });
  }

  #near(tenant: number, at: number): Pace {
    if (at - this.#parts.clock.now() > NEAR_MS) return { go: false, until: at - NEAR_MS };
    this.#kept.delete(tenant);
    return { go: true };
  }
}
