import type { Database, Row } from '../database.js';
import { REPLAY_HOLD_MS, type ReplayHold, requireHeld } from './hold.js';

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
  /** Some process runs it now. */
  readonly held: boolean;
}

const COLUMNS = `id, actor, asked, restaurant, ranges, tally, extract(epoch from begun_at) * 1000 as begun_at,
  extract(epoch from saved_at) * 1000 as saved_at, extract(epoch from ended_at) * 1000 as ended_at,
  coalesce(ended_at is null and held_until > clock_timestamp(), false) as held`;

/** Writes down that it begins, for whoever audits, and where it has to go on if it is interrupted. Whoever begins it holds it. */
export async function beginReplay(
  database: Database,
  given: Pick<ReplayState, 'actor' | 'asked' | 'restaurantId' | 'ranges'>,
): Promise<ReplayHold> {
  const [row] = await database.run({
    name: 'begin-replay',
    text: `
      with r as (
        insert into replay (actor, asked, restaurant, ranges, held_by, held_until)
        values ($1, $2, $3, $4, gen_random_uuid(), clock_timestamp() + $5 * interval '1 ms') returning id, held_by
      ), a as (
        insert into audit (actor, action, subject, detail)
        select $1, 'replay.begin', coalesce($3, 'everything'), $2::jsonb || jsonb_build_object('replay', id) from r
      )
      select id, held_by from r`,
    values: [
      given.actor,
      JSON.stringify(given.asked),
      given.restaurantId,
      toJson(given.ranges),
      REPLAY_HOLD_MS,
    ],
  });
  return { id: row?.['id'] as string, heldBy: row?.['held_by'] as string };
}

/**
 * Takes one that was interrupted, to go on with it.
 *
 * @returns undefined: there is none, it has ended, or another process has it (for 15 s after that one was last heard of)
 */
export async function takeReplay(
  database: Database,
  id: string,
  actor: string,
): Promise<{ readonly hold: ReplayHold; readonly state: ReplayState } | undefined> {
  const [row] = await database.run({
    name: 'take-replay',
    text: `
      with r as (
        update replay set held_by = gen_random_uuid(), held_until = clock_timestamp() + $3 * interval '1 ms'
         where id = $1 and ended_at is null and (held_until is null or held_until <= clock_timestamp())
        returning held_by, ${COLUMNS}
      ), a as (
        insert into audit (actor, action, subject, detail)
        select $2, 'replay.resume', coalesce(restaurant, 'everything'), jsonb_build_object('replay', id) from r
      )
      select * from r`,
    values: [id, actor, REPLAY_HOLD_MS],
  });
  return row && { hold: { id, heldBy: row['held_by'] as string }, state: toState(row) };
}

/** What is left, and what was done. Throws LedgerError `replay_taken` where another process has it by now. */
export async function saveReplay(
  database: Database,
  { id, heldBy }: ReplayHold,
  ranges: ReplayRanges,
  tally: ReplayTally,
): Promise<void> {
  await requireHeld(database, {
    name: 'save-replay',
    text: `
      update replay set ranges = $3, tally = $4, saved_at = clock_timestamp(),
             held_until = clock_timestamp() + $5 * interval '1 ms'
       where id = $1 and held_by = $2 and ended_at is null returning id`,
    values: [id, heldBy, toJson(ranges), JSON.stringify(tally), REPLAY_HOLD_MS],
  });
}

/** Throws LedgerError `replay_taken` where another process has it by now. */
export async function endReplay(
  database: Database,
  { id, heldBy }: ReplayHold,
  actor: string,
  tally: ReplayTally,
): Promise<void> {
  await requireHeld(database, {
    name: 'end-replay',
    text: `
      with r as (
        update replay set ranges = '{}', tally = $3, saved_at = clock_timestamp(), ended_at = clock_timestamp()
         where id = $1 and held_by = $2 and ended_at is null returning id
      ), a as (
        insert into audit (actor, action, subject, detail) select $4, 'replay.end', id::text, $3::jsonb from r
      )
      select id from r`,
    values: [id, heldBy, JSON.stringify(tally), actor],
  });
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
    held: row['held'] as boolean,
  };
}

function toJson(ranges: ReplayRanges): string {
  return JSON.stringify(
    Object.fromEntries([...ranges].map(([partition, { from, to }]) => [partition, [`${from}`, `${to}`]])),
  );
}
