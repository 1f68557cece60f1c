import { waitFor } from '@mersal/testkit';
import pg from 'pg';

/** A look into the ledger from outside, by SQL. */
export interface LedgerView {
  readonly query: <T extends object>(sql: string, values?: readonly unknown[]) => Promise<T[]>;
  /** How many messages have been filed, in whatever state. */
  filed(): Promise<number>;
  /** Waits until so many messages are there. */
  untilFiled(count: number, timeoutMs: number): Promise<void>;
  pause(restaurantId: string, paused: boolean): Promise<void>;
  close(): Promise<void>;
}

export function viewLedger(database: string): LedgerView {
  const pool = new pg.Pool({ connectionString: database, max: 2 });
  const query = async <T extends object>(sql: string, values: readonly unknown[] = []): Promise<T[]> =>
    (await pool.query<T>(sql, [...values])).rows;
  const filed = async (): Promise<number> =>
    (await query<{ n: number }>('select count(*)::int as n from message'))[0]?.n ?? 0;
  return {
    query,
    filed,
    untilFiled: async (count, timeoutMs) => {
      await waitFor(async () => (await filed()) >= count, {
        timeoutMs,
        intervalMs: 250,
        describe: `${count} messages in the ledger`,
      });
    },
    pause: async (restaurantId, paused) => {
      await query('update tenant set status = $2, changed_at = clock_timestamp() where restaurant_id = $1', [
        restaurantId,
        paused ? 'paused' : 'active',
      ]);
    },
    close: () => pool.end(),
  };
}
