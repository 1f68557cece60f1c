import { locked } from '../migrate.js';
import { FUNCTION_GRANTS, ROLES, SEQUENCE_GRANTS, TABLE_GRANTS } from './role-grants.js';

/**
 * The statements that make the roles and bring their rights in the current database to what `TABLE_GRANTS` says, no more and no less.
 * They may be run as often as one likes, and are meant for one transaction: no service sees a moment without rights.
 */
export function roleStatements(): readonly string[] {
  const all = ROLES.join(', ');
  return [
    ...ROLES.map(
      (role) => `do $$ begin
  if not exists (select from pg_roles where rolname = '${role}') then create role ${role} nologin; end if;
-- Two databases of one server may be set up at once.
exception when duplicate_object or unique_violation then null; end $$`,
    ),
    `grant usage on schema public to ${all}`,
    `revoke all on all tables in schema public from ${all}`,
    `revoke all on all sequences in schema public from ${all}`,
    ...Object.keys(FUNCTION_GRANTS).map((name) => `revoke all on function ${name} from public, ${all}`),
    ...grants(TABLE_GRANTS, ''),
    ...grants(SEQUENCE_GRANTS, 'sequence '),
    ...grants(FUNCTION_GRANTS, 'function '),
  ];
}

/**
 * Runs them. The user of the URL owns the tables and may create roles, or finds the roles created.
 *
 * @throws LedgerError where the database can not be reached, is not migrated, or refuses
 */
export async function applyRoles(url: string): Promise<void> {
  await locked(url, async (client) => {
    await client.query('begin');
    for (const statement of roleStatements()) await client.query(statement);
    await client.query('commit');
  });
}

function grants(matrix: Readonly<Record<string, readonly string[]>>, kind: string): string[] {
  return Object.entries(matrix).flatMap(([name, privileges]) =>
    ROLES.flatMap((role, n) =>
      privileges[n] === '' || privileges[n] === undefined
        ? []
        : [`grant ${privileges[n]} on ${kind}${name} to ${role}`],
    ),
  );
}
