import { CredentialError, type CredentialKeys, seal, type Sealed, unseal } from '../credentials.js';
import type { Database, Row, Statement } from '../database.js';

/** A restaurant as the services use it. The token is in the clear: keep it in memory only. */
export interface Tenant {
  readonly id: number;
  readonly restaurantId: string;
  readonly name: string;
  readonly partition: number;
  readonly accountSid: string;
  readonly authToken: string;
  /**
   * Its token does not open with this process' keys: `authToken` is empty, and here it is as good as suspended. One such restaurant
   * must not keep the others from being read.
   */
  readonly unopened?: 'key_invalid' | 'key_unknown' | 'tampered';
  /** Rises whenever account or token are saved. */
  readonly credentials: number;
  readonly fromNumbers: readonly string[];
  readonly status: 'active' | 'paused' | 'suspended';
  readonly concurrency: number | null;
  readonly ratePerSecond: number | null;
  readonly onDead: 'skip' | 'hold';
  readonly onUnknown: 'wait' | 'resend';
  /** Nothing is sent before, ms since 1970; Infinity: until an operator lifts the pause. */
  readonly pausedUntil: number | null;
  readonly changedAt: string;
}

export interface NewTenant {
  readonly restaurantId: string;
  readonly name: string;
  readonly partition: number;
  readonly accountSid: string;
  readonly authToken: string;
  readonly fromNumbers: readonly string[];
}

const COLUMNS = `
  t.id, t.restaurant_id, t.name, t.partition, t.account_sid, t.credentials, a.auth_token, a.key_id, t.from_numbers, t.status,
  t.concurrency, t.rate_per_second, t.on_dead, t.on_unknown, t.changed_at::text as changed_at,
  (select extract(epoch from p.until) * 1000 from pause p
    where p.scope = 'tenant' and p.tenant = t.id and p.until > clock_timestamp()) as paused_until`;
const TABLES = 'tenant t join account a on a.tenant = t.id and a.account_sid = t.account_sid';

/** Creates the restaurant, or brings it to what is given. One that the provider's answers suspended is active again. */
export async function saveTenant(
  database: Database,
  keys: CredentialKeys,
  given: NewTenant,
): Promise<number> {
  const sealed = seal(keys, `${given.restaurantId}/${given.accountSid}`, given.authToken);
  return database.conversation(async (run) => {
    const [row] = await run({
      name: 'save-tenant',
      text: `
        insert into tenant (restaurant_id, name, partition, account_sid, from_numbers)
        values ($1, $2, $3, $4, $5)
        on conflict (restaurant_id) do update
           set name = excluded.name, account_sid = excluded.account_sid, from_numbers = excluded.from_numbers,
               credentials = tenant.credentials + 1,
               status = case when tenant.status = 'suspended' and tenant.suspended_by is null then 'active' else tenant.status end,
               status_reason = case when tenant.suspended_by is null then null else tenant.status_reason end,
               changed_at = clock_timestamp()
        returning id`,
      values: [given.restaurantId, given.name, given.partition, given.accountSid, given.fromNumbers],
    });
    const id = row?.['id'] as number;
    await run({
      name: 'save-account',
      text: `
        insert into account (tenant, account_sid, auth_token, key_id) values ($1, $2, $3, $4)
        on conflict (tenant, account_sid) do update set auth_token = excluded.auth_token, key_id = excluded.key_id`,
      values: [id, given.accountSid, sealed.bytes, sealed.keyId],
    });
    return id;
  });
}

/** Restaurants by their public ids; unknown ones are not in the answer. */
export async function readTenants(
  database: Database,
  keys: CredentialKeys,
  ids: readonly string[],
): Promise<Tenant[]> {
  const rows = await database.run({
    name: 'read-tenants',
    text: `select ${COLUMNS} from ${TABLES} where t.restaurant_id = any($1::text[])`,
    values: [ids],
  });
  return rows.map((row) => toTenant(row, keys));
}

/** Those that changed at or after `since` (a time of the database, as `changedAt` has it; null: all), oldest first. */
export async function readChangedTenants(
  database: Database,
  keys: CredentialKeys,
  since: string | null,
  most: number,
): Promise<Tenant[]> {
  const rows = await database.run({
    name: since === null ? 'read-all-tenants' : 'read-changed-tenants',
    text: `
      select ${COLUMNS} from ${TABLES}
       ${since === null ? '' : 'where t.changed_at >= $2::timestamptz'} order by t.changed_at, t.id limit $1`,
    values: since === null ? [most] : [most, since],
  });
  return rows.map((row) => toTenant(row, keys));
}

/** The token of one of the restaurant's accounts, also an earlier one; undefined where it never had that account. */
export async function readAccountToken(
  database: Database,
  keys: CredentialKeys,
  restaurantId: string,
  accountSid: string,
): Promise<{ readonly tenant: number; readonly authToken: string } | undefined> {
  const [row] = await database.run({
    name: 'read-account-token',
    text: `
      select a.tenant, a.auth_token, a.key_id from account a join tenant t on t.id = a.tenant
       where t.restaurant_id = $1 and a.account_sid = $2`,
    values: [restaurantId, accountSid],
  });
  if (!row) return undefined;
  const sealed = { keyId: row['key_id'] as string, bytes: row['auth_token'] as Buffer };
  return {
    tenant: row['tenant'] as number,
    authToken: unseal(keys, `${restaurantId}/${accountSid}`, sealed),
  };
}

/**
 * Holds all of a restaurant's messages until its credentials change. Only an active one can be suspended, and only while it
 * has the account, and the credentials where they are named, that are at fault.
 */
export function suspendTenant(
  tenant: number,
  fault: { readonly accountSid: string; readonly credentials: number | null; readonly reason: string },
): Statement {
  return {
    name: 'suspend-tenant',
    text: `
      update tenant set status = 'suspended', status_reason = $3, changed_at = clock_timestamp()
       where id = $1 and status = 'active' and account_sid = $2
         and ($4::int is null or credentials = $4) returning id`,
    values: [tenant, fault.accountSid, fault.reason, fault.credentials],
  };
}

function toTenant(row: Row, keys: CredentialKeys): Tenant {
  const restaurantId = row['restaurant_id'] as string;
  const accountSid = row['account_sid'] as string;
  const sealed = { keyId: row['key_id'] as string, bytes: row['auth_token'] as Buffer };
  const opened = open(keys, `${restaurantId}/${accountSid}`, sealed);
  return {
    id: row['id'] as number,
    restaurantId,
    name: row['name'] as string,
    partition: row['partition'] as number,
    accountSid,
    ...opened,
    credentials: row['credentials'] as number,
    fromNumbers: row['from_numbers'] as string[],
    status: opened.unopened ? 'suspended' : (row['status'] as Tenant['status']),
    concurrency: row['concurrency'] as number | null,
    ratePerSecond: row['rate_per_second'] as number | null,
    onDead: row['on_dead'] as Tenant['onDead'],
    onUnknown: row['on_unknown'] as Tenant['onUnknown'],
    pausedUntil: row['paused_until'] === null ? null : Number(row['paused_until']),
    changedAt: row['changed_at'] as string,
  };
}

function open(
  keys: CredentialKeys,
  context: string,
  sealed: Sealed,
): { readonly authToken: string; readonly unopened?: CredentialError['code'] } {
  try {
    return { authToken: unseal(keys, context, sealed) };
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    return { authToken: '', unopened: error.code };
  }
}
