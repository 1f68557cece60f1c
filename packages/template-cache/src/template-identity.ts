import { createHash } from 'node:crypto';
import { hashData } from './hash-data.js';

/** Which template is meant: a SID belongs to one account, so that the account is a part of it. */
export interface TemplateIdentity {
  readonly account: string;
  readonly key: string;
  readonly hash: string;
}

export function identityOf(given: {
  readonly account: string;
  readonly key: string;
  readonly language: string | undefined;
  readonly data: unknown;
}): TemplateIdentity {
  const { account, key, language, data } = given;
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
