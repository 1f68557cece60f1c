import {
  type CredentialKeys,
  type Database,
  readChangedTenants,
  readTenants,
  type Tenant,
} from '@mersal/ledger';

/** Where restaurants are read from. Fails with LedgerError `unavailable`. */
export interface TenantSource {
  /** By their public ids; unknown ones are missing in the answer. */
  named(restaurantIds: readonly string[]): Promise<Tenant[]>;
  /** Those that changed at or after `since` (as `changedAt` has it; null: all), oldest first. */
  changedSince(since: string | null, most: number): Promise<Tenant[]>;
}

export function databaseTenants(database: Database, keys: CredentialKeys): TenantSource {
  return {
    named: (ids) => readTenants(database, keys, ids),
    changedSince: (since, most) => readChangedTenants(database, keys, since, most),
  };
}
