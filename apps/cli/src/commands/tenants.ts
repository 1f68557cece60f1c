import { readFile } from 'node:fs/promises';
import { readConfig } from '@mersal/config';
import { partitionFor } from '@mersal/contracts';
import {
  apiKeyId,
  type CredentialKeys,
  type Database,
  generateApiKey,
  parseCredentialKeys,
  readInstallation,
  saveApiKey,
  saveTenant,
  type Scope,
} from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { audit } from './audit.js';
import { parseTenantFile, type TenantInput, tenantFaults } from './tenant-file.js';

/** What a restaurant's own key may do. */
export const TENANT_SCOPES: readonly Scope[] = ['send', 'read'];

/** Creates the restaurants of a file with the keys given there, or brings them to what it says. */
export async function tenantsSeed(env: Environment, file: string): Promise<Report> {
  const keys = credentialKeys(env);
  const tenants = parseTenantFile(
    await readFile(file, 'utf8').catch((error: unknown) => {
      throw new CliError(
        'file_unreadable',
        `${file} cannot be read: ${(error as Error).message}`,
        EXIT.usage,
      );
    }),
  );
  return withDatabase(env, async (database) => {
    const partitions = await partitionsOf(env, database);
    const saved: { restaurantId: string; partition: number; keyId: string | undefined }[] = [];
    for (const { apiKey, ...tenant } of tenants) {
      const partition = partitionFor(tenant.restaurantId, partitions);
      const id = await saveTenant(database, keys, { ...tenant, partition });
      await saveApiKey(database, { key: apiKey, tenant: id, name: 'seed', scopes: TENANT_SCOPES });
      saved.push({ restaurantId: tenant.restaurantId, partition, keyId: apiKeyId(apiKey) });
    }
    await audit(database, 'tenants.seed', `${saved.length} restaurants`);
    return report(
      { saved },
      table(
        ['restaurant', 'partition', 'key id'],
        saved.map((one) => [one.restaurantId, one.partition, one.keyId]),
      ),
    );
  });
}

export async function tenantsCreate(env: Environment, given: TenantInput): Promise<Report> {
  const faults = tenantFaults(given);
  if (faults.length > 0) throw new CliError('tenant_invalid', faults.join('\n'), EXIT.usage);
  const credentials = credentialKeys(env);
  return withDatabase(env, async (database) => {
    const known = await database.run({
      name: 'cli-tenant-exists',
      text: 'select 1 from tenant where restaurant_id = $1',
      values: [given.restaurantId],
    });
    if (known.length > 0)
      throw new CliError('tenant_exists', `there is a restaurant ${given.restaurantId} already`);
    const partition = partitionFor(given.restaurantId, await partitionsOf(env, database));
    const tenant = await saveTenant(database, credentials, { ...given, partition });
    const { id, key } = generateApiKey();
    await saveApiKey(database, { key, tenant, name: 'first key', scopes: TENANT_SCOPES });
    await audit(database, 'tenants.create', given.restaurantId, { keyId: id });
    return report(
      { restaurantId: given.restaurantId, partition, keyId: id, apiKey: key },
      `restaurant ${given.restaurantId} (partition ${partition})\napi key: ${key}\nIt is stored as a hash and can't be shown again.`,
    );
  });
}

export async function tenantsList(env: Environment): Promise<Report> {
  return withDatabase(env, async (database) => {
    const rows = await database.run({
      name: 'cli-tenants-list',
      text: `
        select restaurant_id, name, status, status_reason, partition, account_sid, from_numbers, concurrency
          from tenant order by restaurant_id`,
      values: [],
    });
    const tenants = rows.map((row) => ({
      restaurantId: row['restaurant_id'],
      name: row['name'],
      status: row['status'],
      statusReason: row['status_reason'],
      partition: row['partition'],
      accountSid: row['account_sid'],
      fromNumbers: row['from_numbers'] as string[],
      concurrency: row['concurrency'],
    }));
    return report(
      { tenants },
      table(
        ['restaurant', 'name', 'status', 'partition', 'account', 'from'],
        tenants.map((t) => [
          t.restaurantId,
          t.name,
          t.status,
          t.partition,
          t.accountSid,
          t.fromNumbers.join(' '),
        ]),
      ),
    );
  });
}

function credentialKeys(env: Environment): CredentialKeys {
  const config = readConfig(env, ['CREDENTIALS_KEY', 'CREDENTIALS_KEYS_OLD']);
  return parseCredentialKeys(config.CREDENTIALS_KEY, config.CREDENTIALS_KEYS_OLD);
}

async function partitionsOf(env: Environment, database: Database): Promise<number> {
  const { WHATSAPP_SEND_QUEUE_NAME } = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
  return (await readInstallation(database, WHATSAPP_SEND_QUEUE_NAME)).partitions;
}
