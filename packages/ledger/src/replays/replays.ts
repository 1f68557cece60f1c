import { auditRow } from '../audit/audit.js';
import type { Database, Row } from '../database.js';

/** Offsets by partition: from the first on, before the second. */
export type ReplayRanges = ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }>;

export interface ReplayTally {
  readonly matched: number;
  readonly sent: number;
  readonly skipped: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** A replay with how far it came. */
export interface ReplayState {
  readonly id: string;
  readonly actor: string;
  /** As it was asked for. */
  readonly asked: Readonly<Record<string, unknown>>;
  readonly restaurantId: string | null;
  /** What is left of it. */
  readonly ranges: ReplayRanges;
  readonly tally: ReplayTally;
  readonly begunAt: number;
  readonly savedAt: number;
  readonly endedAt: number | null;
}

const COLUMNS = `id, actor, asked, restaurant, ranges, tally, extract(epoch from begun_at) * 1000 as begun_at,
  extract(epoch from saved_at) * 1000 as saved_at, extract(epoch from ended_at) * 1000 as ended_at`;

/** Writes down that it begins, for whoever audits, and where it has to go on if it is interrupted. Returns its id. */
export async function beginReplay(
  database: Database,
  given: Pick<ReplayState, 'actor' | 'asked' | 'restaurantId' | 'ranges'>,
): Promise<string> {
  const [row] = await database.run({
    name: 'begin-replay',
    text: `
      with r as (
        insert into replay (actor, asked, restaurant, ranges) values ($1, $2, $3, $4) returning id
      ), a as (
        insert into audit (actor, action, subject, detail)
        select $1, 'replay.begin', coalesce($3, 'everything'), $2::jsonb || jsonb_build_object('replay', id) from r
      )
      select id from r`,
    values: [given.actor, JSON.stringify(given.asked), given.restaurantId, toJson(given.ranges)],
  });
  return row?.['id'] as string;
}

export async function saveReplay(
  database: Database,
  id: string,
  ranges: ReplayRanges,
  tally: ReplayTally,
): Promise<void> {
  await database.run({
    name: 'save-replay',
    text: 'update replay set ranges = $2, tally = $3, saved_at = clock_timestamp() where id = $1',
    values: [id, toJson(ranges), JSON.stringify(tally)],
  });
}

export async function endReplay(
  database: Database,
  id: string,
  actor: string,
  tally: ReplayTally,
): Promise<void> {
  await database.transaction([
    {
      name: 'end-replay',
      text: `update replay set ranges = '{}', tally = $2, saved_at = clock_timestamp(), ended_at = clock_timestamp() where id = $1`,
      values: [id, JSON.stringify(tally)],
    },
    auditRow(actor, 'replay.end', id, { ...tally }),
  ]);
}

export async function readReplay(database: Database, id: string): Promise<ReplayState | undefined> {
  const [row] = await database.run({
    name: 'read-replay',
    text: `select ${COLUMNS} from replay where id = $1`,
    values: [id],
  });
  return row && toState(row);
}

/** Newest first. */
export async function listReplays(database: Database, most: number): Promise<ReplayState[]> {
  const rows = await database.run({
    name: 'list-replays',
    text: `select ${COLUMNS} from replay order by begun_at desc limit $1`,
    values: [most],
  });
  return rows.map(toState);
}

function toState(row: Row): ReplayState {
  const ranges = row['ranges'] as Record<string, [string, string]>;
  return {
    id: row['id'] as string,
    actor: row['actor'] as string,
    asked: row['asked'] as Record<string, unknown>,
    restaurantId: row['restaurant'] as string | null,
    ranges: new Map(
      Object.entries(ranges).map(([partition, [from, to]]) => [
        Number(partition),
        { from: BigInt(from), to: BigInt(to) },
      ]),
    ),
    tally: row['tally'] as ReplayTally,
    begunAt: Math.round(Number(row['begun_at'])),
    savedAt: Math.round(Number(row['saved_at'])),
    endedAt: row['ended_at'] === null ? null : Math.round(Number(row['ended_at'])),
  };
}

function toJson(ranges: ReplayRanges): string {
  return JSON.stringify(
    Object.fromEntries([...ranges].map(([partition, { from, to }]) => [partition, [`${from}`, `${to}`]])),
  );
}
