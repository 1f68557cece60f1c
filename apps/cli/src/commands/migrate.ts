import { readConfig } from '@mersal/config';
import { migrate, migrationStatus } from '@mersal/ledger';
import { EXIT } from '../exit-codes.js';
import { type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';

export async function migrateDeploy(env: Environment): Promise<Report> {
  const { DATABASE_URL } = readConfig(env, ['DATABASE_URL']);
  const { applied } = await migrate(DATABASE_URL);
  return report(
    { applied },
    applied.length === 0
      ? 'the database is up to date'
      : `applied:\n${applied.map((n) => `  ${n}`).join('\n')}`,
  );
}

export async function migrateStatus(env: Environment): Promise<Report> {
  const { DATABASE_URL } = readConfig(env, ['DATABASE_URL']);
  const { applied, pending } = await migrationStatus(DATABASE_URL);
  const rows = [...applied.map((name) => [name, 'applied']), ...pending.map((name) => [name, 'pending'])];
  const hint = pending.length > 0 ? '\nrun `mersal migrate deploy`' : '';
  return report(
    { applied, pending },
    table(['migration', 'state'], rows) + hint,
    pending.length > 0 ? EXIT.attention : EXIT.ok,
  );
}
