import type { Database, Row, Statement } from '../database.js';

/** Who changed what. Written in the transaction of the change: the one is not without the other. */
export interface AuditEntry {
  /** ms since 1970 */
  readonly at: number;
  /** `cli:<user>`, `key:<id>` or `first-admin`. */
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** `detail` never holds a secret or a phone number in full. */
export function auditRow(
  actor: string,
  action: string,
  subject: string,
  detail: Readonly<Record<string, unknown>> = {},
): Statement {
  return {
    name: 'audit',
    text: 'insert into audit (actor, action, subject, detail) values ($1, $2, $3, $4)',
    values: [actor, action, subject, JSON.stringify(detail)],
  };
}

/** The newest first; of one subject, or of all with null. `before`: older than this number. */
export async function listAudit(
  database: Database,
  given: { readonly subject: string | null; readonly most: number; readonly before?: string | undefined },
): Promise<(AuditEntry & { readonly n: string })[]> {
  const rows = await database.run({
    name: 'list-audit',
    text: `
      select n, extract(epoch from at) * 1000 as at, actor, action, subject, detail from audit
       where ($1::text is null or subject = $1) and n < coalesce($3::bigint, 9223372036854775807)
       order by n desc limit $2`,
    values: [given.subject, given.most, given.before ?? null],
  });
  return rows.map((row: Row) => ({
    n: row['n'] as string,
    at: Math.round(Number(row['at'])),
    actor: row['actor'] as string,
    action: row['action'] as string,
    subject: row['subject'] as string,
    detail: row['detail'] as Record<string, unknown>,
  }));
}
