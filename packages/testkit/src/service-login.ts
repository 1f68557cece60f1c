import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { randomName } from './engines.js';

/**
 * A user of its own in the server of this database (a superuser's URL), and in nothing but the role: what a service of that role
 * may not do fails as it would in production. Returns the URL that logs it in.
 */
export async function loginOf(
  role: 'mersal_ingress' | 'mersal_sender' | 'mersal_cache_metrics' | 'mersal_cli',
  database: string,
): Promise<string> {
  const user = randomName(role);
  const password = randomBytes(12).toString('hex');
  const client = new Client({ connectionString: database, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(
      `create role ${escapeIdentifier(user)} login password ${escapeLiteral(password)} in role ${role}`,
    );
  } finally {
    await client.end();
  }
  const url = new URL(database);
  url.username = user;
  url.password = password;
  return url.href;
}
