import { readFile } from 'node:fs/promises';
import { readConfig } from '@mersal/config';
import { partitionFor } from '@mersal/contracts';
import {
  apiKeyId,
  createKey,
  createTenant,
  type Database,
  leftAccounts,
  listTenants,
  readInstallation,
  resumeTenant,
  saveApiKey,
  saveTenant,
  type Scope,
  suspendByOperator,
  type TenantView,
} from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import { TemplateCache } from '@mersal/template-cache';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { actor, audit } from './audit.js';
import { credentialKeys } from './credentials.js';
import { parseTenantFile, type TenantInput, tenantFaults } from './tenant-file.js';

/** What a restaurant's own key may do. */
export const TENANT_SCOPES: readonly Scope[] = ['send', 'read'];

/**
 * Creates the restaurants of a file with the keys given there, or brings them to what it says. Templates of accounts that they leave, and
 * nobody uses any more, are forgotten.
 */
export async function tenantsSeed(env: Environment, logger: Logger, file: string): Promise<Report> {
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
    const ids = saved.map(({ restaurantId }) => restaurantId);
    await forgetTemplates(env, logger, await leftAccounts(database, ids));
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

async function forgetTemplates(env: Environment, logger: Logger, accounts: readonly string[]): Promise<void> {
  if (accounts.length === 0) return;
  const cache = new TemplateCache({ env: { ...env, KAFKA_BROKERS: '' }, logger });
  try {
    for (const account of accounts) await cache.purgeAccount(account);
  } finally {
    await cache.close();
  }
}

export async function tenantsCreate(env: Environment, given: TenantInput): Promise<Report> {
  const faults = tenantFaults(given);
  if (faults.length > 0) throw new CliError('tenant_invalid', faults.join('\n'), EXIT.usage);
  const credentials = credentialKeys(env);
  return withDatabase(env, async (database) => {
    const partition = partitionFor(given.restaurantId, await partitionsOf(env, database));
    const made = await createTenant(database, credentials, { ...given, partition }, actor());
    if (!made) throw new CliError('tenant_exists', `there is a restaurant ${given.restaurantId} already`);
    const key = await createKey(
      database,
      { restaurantId: given.restaurantId, name: 'first key', scopes: TENANT_SCOPES, expiresAt: null },
      actor(),
    );
    if (!key) throw new CliError('tenant_gone', `the restaurant ${given.restaurantId} is gone again`);
    return report(
      { restaurantId: given.restaurantId, partition, keyId: key.keyId, apiKey: key.key },
      `restaurant ${given.restaurantId} (partition ${partition})\napi key: ${key.key}\nIt is stored as a hash and can't be shown again.`,
    );
  });
}

const PAGE = 500;

export async function tenantsList(env: Environment): Promise<Report> {
  return withDatabase(env, async (database) => {
    const found: TenantView[] = [];
    let after: string | undefined;
    do {
      const page = await listTenants(database, { most: PAGE, after });
      found.push(...page);
      after = page.length === PAGE ? page.at(-1)?.restaurantId : undefined;
    } while (after !== undefined);
    const tenants = found.map((tenant) => ({
      restaurantId: tenant.restaurantId,
      name: tenant.name,
      status: tenant.status,
      statusReason: tenant.statusReason,
      partition: tenant.partition,
      accountSid: tenant.accountSid,
      fromNumbers: tenant.fromNumbers,
      concurrency: tenant.concurrency,
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

/** Its messages are held, within 2 s, until it is resumed; new credentials do not lift that. */
export async function tenantsSuspend(
  env: Environment,
  restaurantId: string,
  reason: string,
): Promise<Report> {
  return withDatabase(env, async (database) => {
    if (!(await suspendByOperator(database, restaurantId, reason, actor())))
      throw new CliError('restaurant_unknown', `there is no restaurant ${restaurantId}`);
    return report({ restaurantId, status: 'suspended' }, `${restaurantId}: its messages are held`);
  });
}

export async function tenantsResume(env: Environment, restaurantId: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    if (!(await resumeTenant(database, restaurantId, actor())))
      throw new CliError('restaurant_unknown', `there is no restaurant ${restaurantId}`);
    return report({ restaurantId, status: 'active' }, `${restaurantId}: goes on`);
  });
}

async function partitionsOf(env: Environment, database: Database): Promise<number> {
  const { WHATSAPP_SEND_QUEUE_NAME } = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
  return (await readInstallation(database, WHATSAPP_SEND_QUEUE_NAME)).partitions;
}
