import pg from 'pg';

const NAMES: Readonly<Record<number, string>> = {
  0: 'waiting',
  2: 'retrying',
  3: 'scheduled',
  4: 'held',
  5: 'unknown',
  10: 'sent',
  11: 'failed',
  12: 'delivered',
  13: 'read',
  20: 'dead',
  21: 'cancelled',
  22: 'expired',
  23: 'refused',
};
const FIRST_FINAL = 10;

export interface MessageState {
  readonly id: string;
  readonly state: string;
  /** It will not move by itself any more. */
  readonly isFinal: boolean;
  /** Its conversation waits for an attempt whose end is not known yet: its own, or that of one before it. */
  readonly isInSight: boolean;
}

/** What the ledger says of every message. */
export class LedgerStates {
  readonly #pool: pg.Pool;

  constructor(database: string) {
    this.#pool = new pg.Pool({ connectionString: database, max: 1 });
    // Postgres may be the one that was killed.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async read(): Promise<MessageState[]> {
    const { rows } = await this.#pool.query<{
      id: string;
      state: number;
      error_class: string | null;
      lane_state: number | null;
      head_state: number | null;
    }>(`
      select replace(m.u::text, '-', '') || '-' || m.tag as id, m.state, m.error_class,
             l.state as lane_state, h.state as head_state
        from message m
        left join lane l on l.tenant = m.tenant and l.lane = m.lane
        left join message h on h.tenant = l.tenant and h.u = l.head`);
    return rows.map(({ id, state, error_class, lane_state, head_state }) => {
      const isUnknown = state === 5;
      const sending = lane_state === 1 || lane_state === 2;
      return {
        id,
        state: NAMES[state] ?? String(state),
        isFinal: state >= FIRST_FINAL || (isUnknown && error_class === 'undecided'),
        isInSight: isUnknown || (state === 0 && (sending || head_state === 5)),
      };
    });
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}
