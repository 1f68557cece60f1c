import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** How long a session lasts, in ms: a shift. */
export const SESSION_MS = 12 * 3_600_000;

/**
 * Sessions of the console that no instance has to remember: the cookie holds the key, sealed, so that a page never sees it. Revoking the
 * key ends them like everything else that is done with it.
 */
export class Sessions {
  readonly #key: Buffer;
  readonly #wallClock: () => number;

  /** @param secret shared by all instances @param wallClock ms since 1970 */
  constructor(secret: Buffer, wallClock: () => number) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'mersal console session', 32));
    this.#wallClock = wallClock;
  }

  seal(key: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, iv);
    const text = JSON.stringify({ key, until: this.#wallClock() + SESSION_MS });
    return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
      'base64url',
    );
  }

  /** Undefined: it is none of ours, or over. */
  open(sealed: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url');
    if (bytes.length <= IV_BYTES + TAG_BYTES) return undefined;
    try {
      const decipher = createDecipheriv(ALGORITHM, this.#key, bytes.subarray(0, IV_BYTES));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = Buffer.concat([
        decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)),
        decipher.final(),
      ]).toString('utf8');
      const { key, until } = JSON.parse(text) as { key: string; until: number };
      return until > this.#wallClock() ? key : undefined;
    } catch {
      // Not sealed by us: whoever made it learns no more than that it is no session.
      return undefined;
    }
  }
}

const COOKIE = 'mersal_session';

/** The value of the session's cookie in a Cookie header. */
export function sessionOf(header: string | undefined): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const [name, value] = pair.split('=', 2);
    if (name?.trim() === COOKIE && value !== undefined) return value.trim();
  }
  return undefined;
}

/** A Set-Cookie header; null ends the session. Over https only, where that is how we are called. */
export function sessionCookie(value: string | null, secure: boolean): string {
  const age = value === null ? 0 : SESSION_MS / 1_000;
  return `${COOKIE}=${value ?? ''}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}

/** The header that every request of the console bears: no other site can add it without being asked first. */
export const CONSOLE_HEADER = 'x-mersal-console';
