import { randomBytes } from 'node:crypto';
import { parseCredentialKeys, seal, unseal } from '@mersal/ledger';
import { describe, expect, it } from 'vitest';

const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];

describe('the keys of the credentials', () => {
  it('open what an earlier key sealed, and seal with the current one', () => {
    const sealed = seal(parseCredentialKeys(first), 'r1/AC1', 'token');
    const both = parseCredentialKeys(`k2:${second}`, `k1:${first}`);
    expect(unseal(both, 'r1/AC1', sealed)).toBe('token');
    expect(seal(both, 'r1/AC1', 'token').keyId).toBe('k2');
    expect(() => unseal(parseCredentialKeys(`k2:${second}`), 'r1/AC1', sealed)).toThrow(
      'key k1 is not known',
    );
  });

  it('are refused where two of them have one id: the old one could open nothing any more', () => {
    expect(() => parseCredentialKeys(second, `k1:${first}`)).toThrow(
      'two different credentials keys have the id k1',
    );
    expect(parseCredentialKeys(first, `k1:${first}`).keys.size).toBe(1);
  });
});
