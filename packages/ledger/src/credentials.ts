import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Keys that encrypt at rest, by id. `current` encrypts, all decrypt. */
export interface CredentialKeys {
  readonly current: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

/** What is stored: 12 bytes of nonce, 16 of tag, then the text, by AES-256-GCM. */
export interface Sealed {
  readonly keyId: string;
  readonly bytes: Buffer;
}

export class CredentialError extends Error {
  readonly code: 'key_invalid' | 'key_unknown' | 'tampered';
  constructor(code: CredentialError['code'], message: string) {
    super(message);
    this.name = 'CredentialError';
    this.code = code;
  }
}

/** Reads CREDENTIALS_KEY (`<base64>` or `<id>:<base64>`) and the earlier keys (`<id>:<base64>,…`). */
export function parseCredentialKeys(current: string, earlier = ''): CredentialKeys {
  const keys = new Map<string, Buffer>();
  const add = (text: string): string => {
    const at = text.indexOf(':');
    const id = at < 0 ? 'k1' : text.slice(0, at);
    const key = Buffer.from(text.slice(at + 1), 'base64');
    if (key.length !== 32)
      throw new CredentialError('key_invalid', `credentials key ${id} is not 32 bytes of base64`);
    // Which of the two would open what is stored under that id?
    if (keys.has(id) && keys.get(id)?.equals(key) === false)
      throw new CredentialError('key_invalid', `two different credentials keys have the id ${id}`);
    keys.set(id, key);
    return id;
  };
  for (const text of earlier.split(',').filter((part) => part !== '')) add(text);
  return { current: add(current), keys };
}

/** `context` (restaurant and account) is authenticated too: a row copied to another restaurant does not open. */
export function seal(keys: CredentialKeys, context: string, plain: string): Sealed {
  const key = keys.keys.get(keys.current);
  if (!key) throw new CredentialError('key_unknown', `credentials key ${keys.current} is not known`);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context, 'utf8'));
  const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return { keyId: keys.current, bytes: Buffer.concat([nonce, cipher.getAuthTag(), text]) };
}

export function unseal(keys: CredentialKeys, context: string, sealed: Sealed): string {
  const key = keys.keys.get(sealed.keyId);
  if (!key) throw new CredentialError('key_unknown', `credentials key ${sealed.keyId} is not known`);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.bytes.subarray(0, 12))
    .setAAD(Buffer.from(context, 'utf8'))
    .setAuthTag(sealed.bytes.subarray(12, 28));
  try {
    return Buffer.concat([decipher.update(sealed.bytes.subarray(28)), decipher.final()]).toString('utf8');
  } catch {
    throw new CredentialError('tampered', 'stored credentials do not open with their key');
  }
}
