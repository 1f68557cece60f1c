import pg from 'pg';
import { reasonOf } from '../logger.js';
import { TemplateCacheError } from '../template-cache-error.js';
import type { TemplateIdentity } from '../template-identity.js';
import type { SidTier, StoredSid, TierAnswer } from './sid-tier.js';

/** The truth about which template is whose: a unique row each. Connects with the first call. */
export class DatabaseTier implements SidTier {
  readonly #pool: pg.Pool;

  constructor(url: string, onError: (error: unknown) => void) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: 3,
      application_name: 'mersal-template-cache',
      connectionTimeoutMillis: 3_000,
      statement_timeout: 5_000,
      query_timeout: 6_000,
      allowExitOnIdle: true,
    });
    this.#pool.on('error', onError);
    // A broken connection says so several times, also when it is back as broken; unheard, that would end the process.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async get({ account, key, hash }: TemplateIdentity): Promise<TierAnswer> {
    const rows = await this.#query(
      'select sid from template_sid where account = $1 and key = $2 and hash = $3',
      [account, key, hash],
    );
    return { sid: rows[0]?.['sid'] as string | undefined, gone: false };
  }

  /** Stores it unless another was first; returns the one that counts. */
  async put({ account, key, hash }: TemplateIdentity, sid: string): Promise<string> {
    const rows = await this.#query(
      `insert into template_sid as t (account, key, hash, sid) values ($1, $2, $3, $4)
       on conflict (account, key, hash) do update set sid = t.sid returning sid`,
      [account, key, hash, sid],
    );
    return rows[0]?.['sid'] as string;
  }

  /** Forgets it, if it still is this one. */
  async remove({ account, key, hash }: TemplateIdentity, sid: string): Promise<boolean> {
    const rows = await this.#query(
      'delete from template_sid where account = $1 and key = $2 and hash = $3 and sid = $4 returning 1',
      [account, key, hash, sid],
    );
    return rows.length > 0;
  }

  /** Forgets all of an account. Returns what it was. */
  async removeAccount(account: string): Promise<StoredSid[]> {
    const rows = await this.#query('delete from template_sid where account = $1 returning key, hash, sid', [
      account,
    ]);
    return rows.map((row) => ({
      identity: { account, key: row['key'] as string, hash: row['hash'] as string },
      sid: row['sid'] as string,
    }));
  }

  async count(): Promise<number> {
    const rows = await this.#query('select count(*)::int as n from template_sid', []);
    return rows[0]?.['n'] as number;
  }

  /** Rows of other tables that the report tells of. */
  read(text: string, values: readonly unknown[]): Promise<Record<string, unknown>[]> {
    return this.#pool.query<Record<string, unknown>>(text, [...values]).then(({ rows }) => rows);
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #query(text: string, values: readonly unknown[]): Promise<Record<string, unknown>[]> {
    try {
      return (await this.#pool.query<Record<string, unknown>>(text, [...values])).rows;
    } catch (error) {
      throw new TemplateCacheError('store_unavailable', `the table of templates: ${reasonOf(error)}`, error);
    }
  }
}
