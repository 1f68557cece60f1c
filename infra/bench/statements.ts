type Query = <T extends object>(sql: string) => Promise<T[]>;

/** Begins counting anew. */
export async function forgetStatements(query: Query): Promise<void> {
  await query('create extension if not exists pg_stat_statements');
  await query('select pg_stat_statements_reset()');
}

/** What Postgres did for so many messages, by statement, costliest first. */
export async function readStatements(query: Query, messages: number): Promise<string> {
  const rows = await query<{ text: string; calls: string; rows: string; ms: number; wal: string }>(
    `select regexp_replace(query, '\\s+', ' ', 'g') as text, calls::text, rows::text, total_exec_time + total_plan_time as ms,
            wal_bytes::text as wal
       from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
      order by total_exec_time + total_plan_time desc limit 25`,
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === cells.length - 1 ? cell : cell.padStart(12))).join('  ');
  return [
    line(['µs/message', 'calls', 'rows/call', 'µs/call', 'WAL B/message', 'statement']),
    ...rows.map(({ text, calls, rows: count, ms, wal }) =>
      line([
        ((ms * 1_000) / messages).toFixed(1),
        calls,
        (Number(count) / Number(calls)).toFixed(1),
        ((ms * 1_000) / Number(calls)).toFixed(0),
        (Number(wal) / messages).toFixed(0),
        text.slice(0, 110),
      ]),
    ),
  ].join('\n');
}
