import { userInfo } from 'node:os';
import type { Database } from '@mersal/ledger';

/** Who is at the command line. */
export function actor(): string {
  return `cli:${userInfo().username}`;
}

/** Who did what by the command line. `detail` never holds a secret. */
export async function audit(
  database: Database,
  action: string,
  subject: string,
  detail: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await database.run({
    name: 'cli-audit',
    text: 'insert into audit (actor, action, subject, detail) values ($1, $2, $3, $4)',
    values: [actor(), action, subject, JSON.stringify(detail)],
  });
}
