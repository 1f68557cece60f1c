import type { Row, Statement } from '../database.js';
import { type KeyCounts, msOf, timeOf, toCounts } from './counts.js';

export interface CacheWindowSums {
  readonly total: KeyCounts;
  readonly keys: ReadonlyMap<string, KeyCounts>;
}

export interface CacheEvidence {
  /** Of the key's first event, ms since 1970; null where it was not noted. */
  readonly firstAt: number | null;
  /** The window before. */
  readonly before: KeyCounts;
  readonly reasons: ReadonlyMap<string, number>;
  readonly tenants: readonly { readonly misses: number; readonly hashes: readonly number[] }[];
}

type Run = (statement: Statement) => Promise<Row[]>;
const MOST_HASHES = 256;

/** Windows over the panes in the ledger, read within a transaction. */
export class CacheWindows {
  readonly #run: Run;
  readonly #windowMs: number;

  constructor(run: Run, windowMs: number) {
    this.#run = run;
    this.#windowMs = windowMs;
  }

  /** Of the panes before `end`, ms since 1970: all keys together, the `most` keys with most misses, and the keys of `besides`. */
  async sums(end: number, besides: readonly string[], most: number): Promise<CacheWindowSums> {
    const rows = await this.#run({
      name: 'cache-window-sums',
      text: `
        with sums as materialized (
          select key, sum(hits) as hits, sum(misses) as misses, sum(creations) as creations
            from cache_pane where pane >= $1::timestamptz and pane < $2::timestamptz group by key)
        select null as key, sum(hits) as hits, sum(misses) as misses, sum(creations) as creations from sums
        union all
        (select * from sums where misses > 0 order by misses desc, key collate "C" limit $3)
        union all
        select * from sums where key = any($4::text[])`,
      values: [...this.#before(end), most, besides],
    });
    const keys = new Map<string, KeyCounts>();
    let total: KeyCounts = toCounts({});
    for (const row of rows) {
      if (row['key'] === null) total = toCounts(row);
      else keys.set(row['key'] as string, toCounts(row));
    }
    return { total, keys };
  }

  async evidence(end: number, keys: readonly string[]): Promise<ReadonlyMap<string, CacheEvidence>> {
    const window = [...this.#before(end), keys];
    const [firsts, befores, reasons, tenants, hashes] = await Promise.all([
      this.#run({
        name: 'cache-first-events',
        text: `select key, ${msOf('first_at')} as first_at from cache_total where key = any($1::text[])`,
        values: [keys],
      }),
      this.#run({
        name: 'cache-key-windows',
        text: `
          select key, sum(hits) as hits, sum(misses) as misses, sum(creations) as creations from cache_pane
           where pane >= $1::timestamptz and pane < $2::timestamptz and key = any($3::text[]) group by key`,
        values: [...this.#before(end - this.#windowMs), keys],
      }),
      this.#run({
        name: 'cache-miss-reasons',
        text: `
          select key, reason, sum(misses) as misses from cache_miss
           where pane >= $1::timestamptz and pane < $2::timestamptz and key = any($3::text[]) group by key, reason`,
        values: window,
      }),
      this.#run({
        name: 'cache-miss-tenants',
        text: `
          select key, tenant, sum(misses) as misses from cache_miss
           where pane >= $1::timestamptz and pane < $2::timestamptz and key = any($3::text[]) group by key, tenant`,
        values: window,
      }),
      this.#run({
        name: 'cache-miss-hashes',
        text: `
          select key, tenant, (array_agg(distinct v order by v))[1:${MOST_HASHES}] as hashes
            from cache_miss, unnest(hashes) v
           where pane >= $1::timestamptz and pane < $2::timestamptz and key = any($3::text[]) group by key, tenant`,
        values: window,
      }),
    ]);
    const one = (rows: readonly Row[], key: string): Row | undefined =>
      rows.find((row) => row['key'] === key);
    const all = groupByKey(reasons);
    const misses = groupByKey(tenants);
    const sketches = new Map(
      hashes.map((row) => [
        `${String(row['tenant'])}\n${String(row['key'])}`,
        (row['hashes'] as string[]).map(Number),
      ]),
    );
    return new Map(
      keys.map((key) => {
        const firstAt = one(firsts, key)?.['first_at'] ?? null;
        return [
          key,
          {
            firstAt: firstAt === null ? null : Number(firstAt),
            before: toCounts(one(befores, key) ?? {}),
            reasons: new Map(
              (all.get(key) ?? []).map((row) => [row['reason'] as string, Number(row['misses'])]),
            ),
            tenants: (misses.get(key) ?? []).map((row) => ({
              misses: Number(row['misses']),
              hashes: sketches.get(`${String(row['tenant'])}\n${key}`) ?? [],
            })),
          },
        ];
      }),
    );
  }

  #before(end: number): [from: string, to: string] {
    return [timeOf(end - this.#windowMs), timeOf(end)];
  }
}

function groupByKey(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = row['key'] as string;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}
