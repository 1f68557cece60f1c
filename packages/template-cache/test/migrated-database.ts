import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freshDatabase } from '@mersal/testkit';

const mersal = fileURLToPath(new URL('../../../apps/cli/bin/mersal.mjs', import.meta.url));

/** A database of the test's own with all tables, made as an operator makes it. */
export async function migratedDatabase(prefix: string): Promise<string> {
  const url = await freshDatabase(prefix);
  await promisify(execFile)(process.execPath, [mersal, 'migrate', 'deploy'], {
    env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: url },
    timeout: 30_000,
  });
  return url;
}
