import pg from 'pg';
import { isRepeatable, toLedgerError } from './errors.js';
import { query } from './one-write.js';

/** One SQL statement with its values. `name` makes it a prepared statement of its connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

export type Row = Record<string, unknown>;

export interface Database {
  /** One statement by itself. */
  run(statement: Statement): Promise<Row[]>;
  /**
   * All statements in one transaction and one round trip: they are written back to back, so none can depend on the
   * answer to another except in SQL. The first that fails rolls all back. Deadlocks are tried again.
   */
  transaction(statements: readonly Statement[], options?: TransactionOptions): Promise<Row[][]>;
  /**
   * A transaction whose later statements depend on earlier answers. Statements that do not are begun together and
   * share a round trip. Keep it short: it holds its locks meanwhile.
   */
  conversation<T>(
    work: (run: (statement: Statement) => Promise<Row[]>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  close(): Promise<void>;
}

export interface TransactionOptions {
  /**
   * Committed without waiting for the disk: seen by all at once, and lost where the server dies within the next moments, though never
   * without everything that was committed after it. For what its source tells again then. Default: false.
   */
  readonly mayBeLost?: boolean;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Most connections. */
  readonly max: number;
  readonly application: string;
  /** Longest wait for a connection, in ms. */
  readonly connectTimeoutMs?: number;
  /** Longest time of one statement, in ms. */
  readonly statementTimeoutMs?: number;
  /** All of its statements look few rows up by key: no plan shall scan, whatever the statistics say. Default: false. */
  readonly byKey?: boolean;
  readonly onError: (error: unknown) => void;
}

const DEADLOCK_TRIES = 5;
const begin = (options: TransactionOptions | undefined): string =>
  options?.mayBeLost ? 'begin; set local synchronous_commit = off' : 'begin';

/**
 * Plans of prepared statements are made once and kept. From the values Postgres would rather make one anew each time, as of arrays that
 * are short this time it expects less: of the claim, that took as long as the claim itself. And kept plans are made from statistics
 * that say "nothing waits" after a quiet night: without the other settings a burst then scans whole tables once a claim.
 */
const BY_KEY = [
  '-c plan_cache_mode=force_generic_plan',
  ...['seqscan', 'bitmapscan', 'mergejoin'].map((way) => `-c enable_${way}=off`),
].join(' ');

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    application_name: options.application,
    ...(options.byKey ? { options: BY_KEY } : {}),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: 30_000,
    query_timeout: (options.statementTimeoutMs ?? 30_000) + 5_000,
    idleTimeoutMillis: 30_000,
    pipeline: true,
  });
  // A connection that breaks says so by an event, several times, and also while it is lent or given back as broken: the pool
  // listens to idle ones only, and an event nobody listens to ends the process.
  pool.on('connect', (client) => {
    let told = false;
    client.on('error', (error) => {
      if (!told) options.onError(error);
      told = true;
    });
  });
  // Its own event repeats that of an idle connection, which it replaces.
  pool.on('error', () => undefined);

  const lend = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    for (let left = DEADLOCK_TRIES; ; left -= 1) {
      let client: pg.PoolClient | undefined;
      let broken = false;
      try {
        client = await pool.connect();
        return await work(client);
      } catch (error) {
        if (isRepeatable(error) && left > 1) continue;
        const translated = toLedgerError(error);
        broken = translated instanceof Error && 'code' in translated && translated.code === 'unavailable';
        throw translated;
      } finally {
        client?.release(broken);
      }
    }
  };

  return {
    run: (statement) => lend(async (client) => (await query(client, toQuery(statement))).rows),
    transaction: (statements, options) =>
      lend(async (client) => {
        const answers = [
          query(client, begin(options)),
          ...statements.map((statement) => query(client, toQuery(statement))),
          query(client, 'commit'),
        ];
        const settled = await Promise.allSettled(answers);
        for (const answer of settled) if (answer.status === 'rejected') throw answer.reason;
        return settled.slice(1, -1).map((answer) => (answer.status === 'fulfilled' ? answer.value.rows : []));
      }),
    conversation: (work, options) =>
      lend(async (client) => {
        // Not awaited by itself: it travels with the first statements.
        const begun = query(client, begin(options));
        // It is awaited after the work; where the connection breaks meanwhile, the work fails first.
        begun.catch(() => undefined);
        try {
          const result = await work(async (statement) => (await query(client, toQuery(statement))).rows);
          await begun;
          await query(client, 'commit');
          return result;
        } catch (error) {
          await Promise.allSettled([begun, query(client, 'rollback')]);
          throw error;
        }
      }),
    close: () => pool.end(),
  };
}

function toQuery(statement: Statement): pg.QueryConfig {
  return { name: statement.name, text: statement.text, values: statement.values as unknown[] };
}
