/** What the ledger refuses, and why. Everything else is thrown as Postgres' own error. */
export type LedgerErrorCode =
  /** The partition has a newer owner: drop it. */
  | 'fenced'
  /** The batch begins after the admitted offset: seek back. */
  | 'offset_gap'
  /** The senders keep the rate in another way now: read the group again. */
  | 'rate_epoch'
  /** The database can't be reached, or ended the connection. Nothing was committed, or it can't be known. */
  | 'unavailable'
  /** The user of the URL lacks a right: its role is the wrong one, or `mersal migrate roles` is to be run anew. */
  | 'forbidden'
  /** Another process goes on with the replay. */
  | 'replay_taken'
  /** Topics and ledger disagree about the partition count. */
  | 'partition_count';

export class LedgerError extends Error {
  readonly code: LedgerErrorCode;
  constructor(code: LedgerErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LedgerError';
    this.code = code;
  }
}

/** SQLSTATEs after which the same transaction may simply be tried again: deadlock, serialization failure. */
const REPEATABLE = new Set(['40P01', '40001']);
/** Connection failures, shutdown, crash, too many connections, disk full. */
const AWAY = /^(08|57P0|53)/;
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH']);

export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function isRepeatable(error: unknown): boolean {
  return REPEATABLE.has(sqlState(error) ?? '');
}

/** Turns Postgres' and the driver's errors into ours where they mean one of ours. */
export function toLedgerError(error: unknown): unknown {
  const code = sqlState(error) ?? '';
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'MS001') return new LedgerError('fenced', message);
  if (code === 'MS003') return new LedgerError('rate_epoch', message);
  if (code === 'MS002') return new LedgerError('offset_gap', message);
  if (code === '42501') {
    return new LedgerError(
      'forbidden',
      `${message}: run \`mersal migrate roles\`, or look at who is in which role`,
      {
        cause: error,
      },
    );
  }
  const driver =
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/i;
  if (AWAY.test(code) || NETWORK.has(code) || driver.test(message)) {
    return new LedgerError('unavailable', `the database cannot be reached: ${message}`, { cause: error });
  }
  return error;
}
