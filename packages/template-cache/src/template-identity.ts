import { isStorable } from '@mersal/contracts';
import { createHash } from 'node:crypto';
import { hashData } from './hash-data.js';

/** Which template is meant: a SID belongs to one account, so that the account is a part of it. */
export interface TemplateIdentity {
  readonly account: string;
  readonly key: string;
  readonly hash: string;
}

const LONGEST_KEY = 256;
/** Both stand in one index of Postgres, whose entries are bounded. */
const LONGEST_ACCOUNT = 256;

/** @throws RangeError */
export function checkCacheKey(key: string): void {
  if (key.length < 1 || key.length > LONGEST_KEY)
    throw new RangeError(`a cache key has 1 to ${LONGEST_KEY} characters`);
  if (!isStorable(key)) throw new RangeError('a cache key holds neither NUL nor half a character');
}

/** @throws RangeError where key or account can't be stored, NotJsonError where the data has no JSON form */
export function identityOf(given: {
  readonly account: string;
  readonly key: string;
  readonly language: string | undefined;
  readonly data: unknown;
}): TemplateIdentity {
  const { account, key, language, data } = given;
  checkCacheKey(key);
  if (account.length < 1 || account.length > LONGEST_ACCOUNT)
    throw new RangeError(`an account has 1 to ${LONGEST_ACCOUNT} characters`);
  if (!isStorable(account)) throw new RangeError('an account holds neither NUL nor half a character');
  const hash = hashData({
    account,
    key,
    ...(language === undefined ? {} : { language }),
    ...(data === undefined ? {} : { data }),
  });
  return { account, key, hash };
}

/** One text an identity, of a fixed form: keys of callers may hold anything. */
export function identityDigest({ account, key, hash }: TemplateIdentity): string {
  return createHash('sha256')
    .update(JSON.stringify([account, key, hash]))
    .digest('hex')
    .slice(0, 40);
}

/** The name of the template at the provider: names are not unique there, but this one leads to the template again. */
export function friendlyNameOf({ key, hash }: TemplateIdentity): string {
  return `${key.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 40)}_${hash.replace(/^h\d+-/, '').slice(0, 20)}`;
}
