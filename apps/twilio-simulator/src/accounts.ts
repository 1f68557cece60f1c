import { timingSafeEqual } from 'node:crypto';
import { ProviderError } from './provider-error.js';

export interface SimulatedAccount {
  readonly accountSid: string;
  readonly authToken: string;
  /** Its senders in E.164, e.g. `+14155238886`. */
  readonly numbers: readonly string[];
}

const ACCOUNT_SID = /^AC[0-9a-fA-F]{32}$/;

/** Who may call: HTTP Basic with the account's SID and primary token. */
export class Accounts {
  readonly #bySid = new Map<string, SimulatedAccount>();

  constructor(accounts: readonly SimulatedAccount[]) {
    for (const account of accounts) this.put(account);
  }

  get size(): number {
    return this.#bySid.size;
  }

  /** @throws TypeError on an account that the provider could not have issued */
  put(account: SimulatedAccount): void {
    if (!ACCOUNT_SID.test(account.accountSid)) throw new TypeError('accountSid must be AC and 32 hex digits');
    if (typeof account.authToken !== 'string' || account.authToken === '')
      throw new TypeError('authToken is missing');
    if (!Array.isArray(account.numbers)) throw new TypeError('numbers must be a list');
    const numbers = account.numbers.map((number) => String(number).replace(/^whatsapp:/, ''));
    this.#bySid.set(account.accountSid, { ...account, numbers });
  }

  get(accountSid: string): SimulatedAccount | undefined {
    return this.#bySid.get(accountSid);
  }

  /** The account of these credentials; `accountSid`, where a path names one, must be it. */
  authenticate(authorization: string | undefined, accountSid?: string): SimulatedAccount {
    const [scheme, encoded] = (authorization ?? '').split(' ', 2);
    const decoded =
      scheme?.toLowerCase() === 'basic' ? Buffer.from(encoded ?? '', 'base64').toString('utf8') : '';
    const colon = decoded.indexOf(':');
    const account = colon === -1 ? undefined : this.#bySid.get(decoded.slice(0, colon));
    const matches = account && same(decoded.slice(colon + 1), account.authToken);
    if (!matches || (accountSid !== undefined && accountSid !== account.accountSid))
      throw new ProviderError(401, 20003, 'Authenticate');
    return account;
  }
}

function same(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
