import { auditRow } from '../audit/audit.js';
import { type CredentialKeys, seal } from '../credentials.js';
import type { Database, Row, Statement } from '../database.js';
import type { NewTenant, Tenant } from './tenants.js';

/** A restaurant as operators see it: never its token. Times are ms since 1970. */
export interface TenantView {
  readonly id: number;
  readonly restaurantId: string;
  readonly name: string;
  readonly partition: number;
  readonly accountSid: string;
  readonly fromNumbers: readonly string[];
  readonly status: Tenant['status'];
  readonly statusReason: string | null;
  /** The operator who suspended it; null: the provider's answers did, or it is not. */
  readonly suspendedBy: string | null;
  readonly concurrency: number | null;
  readonly ratePerSecond: number | null;
  readonly onDead: Tenant['onDead'];
  readonly onUnknown: Tenant['onUnknown'];
  /** Infinity: until it is lifted. */
  readonly pausedUntil: number | null;
  readonly createdAt: number;
  readonly changedAt: number;
}

/** What of a restaurant can be set; null: the installation's default. */
export interface TenantLimits {
  readonly concurrency?: number | null | undefined;
  readonly ratePerSecond?: number | null | undefined;
  readonly onDead?: Tenant['onDead'] | undefined;
  readonly onUnknown?: Tenant['onUnknown'] | undefined;
}

export interface TenantChange extends TenantLimits {
  readonly name?: string | undefined;
  readonly fromNumbers?: readonly string[] | undefined;
  /** New credentials; the account stays where only the token is new. */
  readonly credentials?: { readonly accountSid?: string | undefined; readonly authToken: string } | undefined;
}

const COLUMNS = `
  t.id, t.restaurant_id, t.name, t.partition, t.account_sid, t.from_numbers, t.status, t.status_reason, t.suspended_by,
  t.concurrency, t.rate_per_second, t.on_dead, t.on_unknown, extract(epoch from t.created_at) * 1000 as created_at,
  extract(epoch from t.changed_at) * 1000 as changed_at,
  (select extract(epoch from p.until) * 1000 from pause p
    where p.scope = 'tenant' and p.tenant = t.id and p.until > clock_timestamp()) as paused_until`;

const readOne = (restaurantId: string): Statement => ({
  name: 'read-tenant-view',
  text: `select ${COLUMNS} from tenant t where t.restaurant_id = $1`,
  values: [restaurantId],
});

export async function readTenantView(
  database: Database,
  restaurantId: string,
): Promise<TenantView | undefined> {
  const [row] = await database.run(readOne(restaurantId));
  return row && toTenantView(row);
}

/** The public ids of restaurants by their numbers in the ledger. */
export async function restaurantIdsOf(
  database: Database,
  tenants: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const rows = await database.run({
    name: 'restaurant-ids',
    text: 'select id, restaurant_id from tenant where id = any($1::int[])',
    values: [tenants],
  });
  return new Map(rows.map((row) => [row['id'] as number, row['restaurant_id'] as string]));
}

/**
 * Whose message an id is. The primary key begins with the restaurant, which is not known here: one look-up for each.
 * @returns undefined: the ledger has no such message, or not yet
 */
export async function tenantOfMessage(
  database: Database,
  u: string,
  tag: string,
): Promise<number | undefined> {
  const [row] = await database.run({
    name: 'tenant-of-message',
    text: `
      select t.id from tenant t
       where exists (select 1 from message m where m.tenant = t.id and m.u = $1 and m.tag = $2) limit 1`,
    values: [u, tag],
  });
  return row?.['id'] as number | undefined;
}

/** By their ids, ascending, behind `after`. */
export async function listTenants(
  database: Database,
  given: { readonly most: number; readonly after?: string | undefined },
): Promise<TenantView[]> {
  const rows = await database.run({
    name: 'list-tenants',
    text: `
      select ${COLUMNS} from tenant t where $2::text is null or t.restaurant_id > $2
       order by t.restaurant_id limit $1`,
    values: [given.most, given.after ?? null],
  });
  return rows.map(toTenantView);
}

/** Undefined: there is one of that id already. */
export async function createTenant(
  database: Database,
  keys: CredentialKeys,
  given: NewTenant & TenantLimits,
  by: string,
): Promise<TenantView | undefined> {
  return database.conversation(async (run) => {
    const [made] = await run({
      name: 'create-tenant',
      text: `
        insert into tenant (restaurant_id, name, partition, account_sid, from_numbers, concurrency, rate_per_second,
                            on_dead, on_unknown)
        values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, 'skip'), coalesce($9, 'wait'))
        on conflict (restaurant_id) do nothing returning id`,
      values: [
        given.restaurantId,
        given.name,
        given.partition,
        given.accountSid,
        given.fromNumbers,
        given.concurrency ?? null,
        given.ratePerSecond ?? null,
        given.onDead ?? null,
        given.onUnknown ?? null,
      ],
    });
    if (!made) return undefined;
    const { restaurantId, accountSid } = given;
    await run(saveAccount(keys, made['id'] as number, restaurantId, accountSid, given.authToken));
    await run(auditRow(by, 'tenants.create', restaurantId, { accountSid }));
    const [row] = await run(readOne(restaurantId));
    return row && toTenantView(row);
  });
}

/**
 * Changes what is given. New credentials lift a suspension that the provider's answers brought about, not an operator's.
 *
 * @returns undefined: there is no such restaurant
 */
export async function updateTenant(
  database: Database,
  keys: CredentialKeys,
  restaurantId: string,
  { credentials, ...plain }: TenantChange,
  by: string,
): Promise<TenantView | undefined> {
  return changeTenant(database, restaurantId, plain, credentials && { ...credentials, keys }, by);
}

/** As updateTenant, for whoever has no key to encrypt credentials with. */
export async function changeTenantLimits(
  database: Database,
  restaurantId: string,
  limits: TenantLimits,
  by: string,
): Promise<TenantView | undefined> {
  return changeTenant(database, restaurantId, limits, undefined, by);
}

type SealedWith = NonNullable<TenantChange['credentials']> & { readonly keys: CredentialKeys };

async function changeTenant(
  database: Database,
  restaurantId: string,
  change: Omit<TenantChange, 'credentials'>,
  credentials: SealedWith | undefined,
  by: string,
): Promise<TenantView | undefined> {
  return database.conversation(async (run) => {
    const [now] = await run({
      name: 'update-tenant-lock',
      text: 'select id, account_sid from tenant where restaurant_id = $1 for no key update',
      values: [restaurantId],
    });
    if (!now) return undefined;
    const tenant = now['id'] as number;
    if (credentials) {
      const accountSid = credentials.accountSid ?? (now['account_sid'] as string);
      await run(saveAccount(credentials.keys, tenant, restaurantId, accountSid, credentials.authToken));
      await run({
        name: 'update-tenant-credentials',
        text: `
          update tenant set account_sid = $2, credentials = credentials + 1,
                 status = case when status = 'suspended' and suspended_by is null then 'active' else status end,
                 status_reason = case when suspended_by is null then null else status_reason end
           where id = $1`,
        values: [tenant, accountSid],
      });
    }
    await run({
      name: 'update-tenant',
      text: `
        update tenant set name = coalesce($2, name), from_numbers = coalesce($3::text[], from_numbers),
               concurrency = case when $4 then $5::smallint else concurrency end,
               rate_per_second = case when $6 then $7::real else rate_per_second end,
               on_dead = coalesce($8, on_dead), on_unknown = coalesce($9, on_unknown), changed_at = clock_timestamp()
         where id = $1`,
      values: [
        tenant,
        change.name ?? null,
        change.fromNumbers ?? null,
        change.concurrency !== undefined,
        change.concurrency ?? null,
        change.ratePerSecond !== undefined,
        change.ratePerSecond ?? null,
        change.onDead ?? null,
        change.onUnknown ?? null,
      ],
    });
    await run(auditRow(by, 'tenants.update', restaurantId, auditedChange({ ...change, credentials })));
    const [row] = await run(readOne(restaurantId));
    return row && toTenantView(row);
  });
}

/** Holds all of a restaurant's messages until it is resumed. Undefined: there is no such restaurant. */
export function suspendByOperator(
  database: Database,
  restaurantId: string,
  reason: string,
  by: string,
): Promise<TenantView | undefined> {
  return changeStatus(database, restaurantId, { status: 'suspended', reason, by }, 'tenants.suspend');
}

/** Whoever suspended it. Where the provider's answers did and nothing was mended, the next attempt does so again. */
export function resumeTenant(
  database: Database,
  restaurantId: string,
  by: string,
): Promise<TenantView | undefined> {
  return changeStatus(database, restaurantId, { status: 'active', reason: null, by }, 'tenants.resume');
}

async function changeStatus(
  database: Database,
  restaurantId: string,
  to: { readonly status: 'active' | 'suspended'; readonly reason: string | null; readonly by: string },
  action: string,
): Promise<TenantView | undefined> {
  return database.conversation(async (run) => {
    const changed = await run({
      name: 'change-tenant-status',
      text: `
        update tenant set status = $2, status_reason = $3, suspended_by = case when $2 = 'suspended' then $4 end,
               changed_at = clock_timestamp()
         where restaurant_id = $1 and not ($2 = 'active' and status = 'active') returning id`,
      values: [restaurantId, to.status, to.reason, to.by],
    });
    if (changed.length > 0)
      await run(auditRow(to.by, action, restaurantId, to.reason === null ? {} : { reason: to.reason }));
    const [row] = await run(readOne(restaurantId));
    return row && toTenantView(row);
  });
}

function saveAccount(
  keys: CredentialKeys,
  tenant: number,
  restaurantId: string,
  accountSid: string,
  authToken: string,
): Statement {
  const sealed = seal(keys, `${restaurantId}/${accountSid}`, authToken);
  return {
    name: 'save-account',
    text: `
      insert into account (tenant, account_sid, auth_token, key_id) values ($1, $2, $3, $4)
      on conflict (tenant, account_sid) do update set auth_token = excluded.auth_token, key_id = excluded.key_id`,
    values: [tenant, accountSid, sealed.bytes, sealed.keyId],
  };
}

/** What the trail may keep of a change: that there is a new token, not which; how many numbers, not which. */
function auditedChange({ credentials, fromNumbers, ...plain }: TenantChange): Record<string, unknown> {
  return {
    ...plain,
    ...(fromNumbers ? { fromNumbers: fromNumbers.length } : {}),
    ...(credentials ? { credentials: credentials.accountSid ?? 'same account' } : {}),
  };
}

function toTenantView(row: Row): TenantView {
  return {
    id: row['id'] as number,
    restaurantId: row['restaurant_id'] as string,
    name: row['name'] as string,
    partition: row['partition'] as number,
    accountSid: row['account_sid'] as string,
    fromNumbers: row['from_numbers'] as string[],
    status: row['status'] as TenantView['status'],
    statusReason: row['status_reason'] as string | null,
    suspendedBy: row['suspended_by'] as string | null,
    concurrency: row['concurrency'] as number | null,
    ratePerSecond: row['rate_per_second'] as number | null,
    onDead: row['on_dead'] as TenantView['onDead'],
    onUnknown: row['on_unknown'] as TenantView['onUnknown'],
    pausedUntil: row['paused_until'] === null ? null : Number(row['paused_until']),
    createdAt: Math.round(Number(row['created_at'])),
    changedAt: Math.round(Number(row['changed_at'])),
  };
}
