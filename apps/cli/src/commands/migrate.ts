import { readConfig } from '@mersal/config';
import { applyRoles, migrate, migrationStatus, ROLES, roleStatements } from '@mersal/ledger';
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

/** The roles of least right, and what each may do; `sql`: only shows the statements, for whoever may run them. */
export async function migrateRoles(env: Environment, { sql }: { readonly sql?: boolean }): Promise<Report> {
  if (sql) {
    const statements = roleStatements();
    return report({ statements }, ['begin', ...statements, 'commit'].map((one) => `${one};`).join('\n'));
  }
  const { DATABASE_URL } = readConfig(env, ['DATABASE_URL']);
  await applyRoles(DATABASE_URL);
  return report({ roles: ROLES }, `rights given to ${ROLES.join(', ')}`);
}
