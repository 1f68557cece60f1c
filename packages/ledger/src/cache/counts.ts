import type { Row } from '../database.js';

export interface KeyCounts {
  readonly hits: number;
  readonly misses: number;
  readonly creations: number;
}

export function toCounts(row: Row): KeyCounts {
  return {
    hits: Number(row['hits'] ?? 0),
    misses: Number(row['misses'] ?? 0),
    creations: Number(row['creations'] ?? 0),
  };
}

/** A time as Postgres takes it. */
export const timeOf = (ms: number): string => new Date(ms).toISOString();

/** SQL of a time as whole milliseconds since 1970, which `Number` reads. */
export const msOf = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::bigint`;
