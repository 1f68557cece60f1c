import { createHash } from 'node:crypto';
import type { ProviderAccount } from './gateway.js';

/**
 * One client an account, least recently used out first. An entry is good for the token it was made with only:
 * changed credentials make a new client. The token itself is not kept here, a digest of it is.
 */
export class ClientCache<Client> {
  readonly #capacity: number;
  readonly #make: (account: ProviderAccount) => Client;
  readonly #entries = new Map<string, { readonly digest: string; readonly client: Client }>();

  /** @param capacity at least 1 */
  constructor(capacity: number, make: (account: ProviderAccount) => Client) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError('capacity must be at least 1');
    this.#capacity = capacity;
    this.#make = make;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(account: ProviderAccount): Client {
    const digest = createHash('sha256').update(account.authToken).digest('base64');
    const kept = this.#entries.get(account.accountSid);
    const entry = kept?.digest === digest ? kept : { digest, client: this.#make(account) };
    this.#entries.delete(account.accountSid);
    this.#entries.set(account.accountSid, entry);
    if (this.#entries.size > this.#capacity) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    return entry.client;
  }
}
