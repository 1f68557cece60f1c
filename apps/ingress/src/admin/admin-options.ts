import type { CredentialKeys, Database, Ledger, Principal } from '@mersal/ledger';
import { FIRST_ADMIN_ID } from '../auth/principals.js';
import type { LeftTemplates } from '../tenants/left-templates.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';

export interface AdminOptions {
  readonly database: Database;
  readonly ledger: Pick<
    Ledger,
    | 'readPauses'
    | 'setPause'
    | 'liftPause'
    | 'listUnknown'
    | 'decideUnknown'
    | 'listSuppressions'
    | 'liftSuppression'
  >;
  readonly keys: CredentialKeys;
  readonly tenants: Pick<TenantDirectory, 'forget'>;
  readonly templates: Pick<LeftTemplates, 'purge'>;
  readonly partitions: number;
  /** Longest wait for the database, in ms. */
  readonly timeoutMs: number;
  readonly wallClock: () => number;
}

/** Who the audit trail names. */
export function actorOf({ keyId }: Principal): string {
  return keyId === FIRST_ADMIN_ID ? keyId : `key:${keyId}`;
}
