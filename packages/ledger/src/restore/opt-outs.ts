import type { Database } from '../database.js';

/** What an outcome of the log says of a recipient who opted out: whoever its message was for. */
export interface ToldOptOut {
  readonly restaurantId: string;
  /** 32 hex digits. */
  readonly u: string;
  /** ms since 1970 */
  readonly at: number;
  readonly reason: string;
}

/** `whatsapp:+…` of a record as it was accepted; undefined where it can't be read. */
export type AddressOf = (record: Buffer) => string | undefined;

interface OptOut {
  readonly tenant: number;
  /** 32 hex digits. */
  readonly recipient: string;
  readonly u: string;
  readonly at: string;
  readonly reason: string;
  readonly address: string;
}

/**
 * Files them again. Of a recipient the first is enough; one that was lifted after it stays so. Where the record is gone the hash alone
 * holds the recipient back. Returns how many are in force that were not.
 */
export async function applyOptOuts(
  database: Database,
  told: readonly ToldOptOut[],
  addressOf: AddressOf,
): Promise<number> {
  if (told.length === 0) return 0;
  return database.conversation(async (run) => {
    const rows = await run({
      name: 'restore-opted-out',
      text: `
        select distinct on (x.tenant, x.recipient) x.tenant, encode(x.recipient, 'hex') as recipient, x.u, i.at::text as at, i.reason,
               b.record
          from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::text[]) as i(restaurant, u, at, reason)
          join tenant t on t.restaurant_id = i.restaurant
          join message x on x.tenant = t.id and x.u = i.u
          left join body b on b.tenant = x.tenant and b.u = x.u
         where not x.erased and x.recipient <> '\\x'
         order by x.tenant, x.recipient, i.at`,
      values: [
        told.map((one) => one.restaurantId),
        told.map((one) => one.u),
        told.map((one) => new Date(one.at).toISOString()),
        told.map((one) => one.reason),
      ],
    });
    const optOuts = rows.map((row): OptOut => {
      const record = row['record'] as Buffer | null;
      return {
        tenant: row['tenant'] as number,
        recipient: row['recipient'] as string,
        u: row['u'] as string,
        at: row['at'] as string,
        reason: row['reason'] as string,
        address: (record && addressOf(record)) ?? '',
      };
    });
    const filed = await run({
      name: 'restore-opt-outs',
      text: `
        insert into suppression as s (tenant, recipient, address, reason, u, created_at)
        select i.tenant, decode(i.recipient, 'hex'), i.address, i.reason, i.u, i.at
          from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[])
            as i(tenant, recipient, address, reason, u, at)
        on conflict (tenant, recipient) do update
           set address = excluded.address, reason = excluded.reason, u = excluded.u, created_at = excluded.created_at,
               lifted_at = null, lifted_by = null
         where s.lifted_at < excluded.created_at
        returning s.tenant`,
      values: [
        optOuts.map((one) => one.tenant),
        optOuts.map((one) => one.recipient),
        optOuts.map((one) => one.address),
        optOuts.map((one) => one.reason),
        optOuts.map((one) => one.u),
        optOuts.map((one) => one.at),
      ],
    });
    return filed.length;
  });
}
