import { createHash } from 'node:crypto';
import type { Row, Statement } from '../database.js';

/** Somebody who does not want to hear from a restaurant any more. */
export interface Suppression {
  /** See recipientOf. */
  readonly recipient: string;
  /** `whatsapp:+…`, in full: to be masked wherever it is shown. */
  readonly address: string;
  readonly reason: string;
  readonly u: string | null;
  readonly createdAt: number;
}

/** A recipient as messages are filed under it: the first 16 bytes of the SHA-256 of its address, 32 hex digits. */
export function recipientOf(address: string): string {
  return createHash('sha256').update(address).digest('hex').slice(0, 32);
}

/** No more sends to this recipient by this restaurant. One that was lifted before counts again. */
export function suppress(
  tenant: number,
  given: {
    readonly recipient: string;
    readonly address: string;
    readonly reason: string;
    readonly u: string;
  },
): Statement {
  return {
    name: 'suppress',
    text: `
      insert into suppression as s (tenant, recipient, address, reason, u) values ($1, decode($2, 'hex'), $3, $4, $5)
      on conflict (tenant, recipient) do update
         set reason = excluded.reason, u = excluded.u, created_at = clock_timestamp(), lifted_at = null, lifted_by = null
       where s.lifted_at is not null`,
    values: [tenant, given.recipient, given.address, given.reason, given.u],
  };
}

/** The restaurant's, newest first, older than `before` (ms since 1970). */
export function listSuppressions(tenant: number, most: number, before?: number): Statement {
  return {
    name: 'list-suppressions',
    text: `
      select encode(recipient, 'hex') as recipient, address, reason, u, extract(epoch from created_at) * 1000 as created_at
        from suppression
       where tenant = $1 and lifted_at is null and created_at < coalesce(to_timestamp($3::float8 / 1000), 'infinity')
       order by created_at desc limit $2`,
    values: [tenant, most, before ?? null],
  };
}

export function toSuppression(row: Row): Suppression {
  return {
    recipient: row['recipient'] as string,
    address: row['address'] as string,
    reason: row['reason'] as string,
    u: (row['u'] as string | null)?.replaceAll('-', '') ?? null,
    createdAt: Number(row['created_at']),
  };
}

export function liftSuppression(tenant: number, recipient: string, by: string): Statement {
  return {
    name: 'lift-suppression',
    text: `
      with s as (
        update suppression set lifted_at = clock_timestamp(), lifted_by = $3
         where tenant = $1 and recipient = decode($2, 'hex') and lifted_at is null returning tenant
      )
      insert into audit (actor, action, subject)
      select $3, 'suppressions.lift', t.restaurant_id || '/' || $2::text from s join tenant t on t.id = s.tenant
      returning n`,
    values: [tenant, recipient, by],
  };
}
