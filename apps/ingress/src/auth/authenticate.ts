import type { Principal, Scope } from '@mersal/ledger';
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { CONSOLE_HEADER, sessionOf, type Sessions } from '../console/sessions.js';
import { Problem } from '../problems/problem.js';
import { callerAddress } from './caller-address.js';
import type { KeyUses } from './key-uses.js';
import type { Principals } from './principals.js';
import type { WrongKeys } from './wrong-keys.js';

const BEARER = /^Bearer +([\x21-\x7e]{1,512}) *$/i;

export interface KeyCheck {
  readonly principals: Pick<Principals, 'find'>;
  readonly wrongKeys: Pick<WrongKeys, 'count'>;
  readonly uses: Pick<KeyUses, 'note'>;
  readonly sessions: Pick<Sessions, 'open'>;
}

/** A hook that lets only keys through that have one of the scopes. `admin` has every right. */
export function requireKey(check: KeyCheck, ...scopes: readonly Scope[]): onRequestAsyncHookHandler {
  return async (request) => {
    const { authorization } = request.headers;
    const key = authorization === undefined ? keyOfSession(check, request) : BEARER.exec(authorization)?.[1];
    if (authorization === undefined && key === undefined) throw unauthorized('Bearer realm="mersal"');
    request.principal = await principalOfKey(check, key, callerAddress(request), scopes);
  };
}

/** Whose key this is. Throws a Problem where it is nobody's, or may not do that. */
export async function principalOfKey(
  check: KeyCheck,
  key: string | undefined,
  address: string,
  scopes: readonly Scope[],
): Promise<Principal> {
  const principal = key === undefined ? undefined : await check.principals.find(key);
  if (principal === undefined) {
    const waitMs = check.wrongKeys.count(address);
    if (waitMs > 0) throw tooManyGuesses(waitMs);
    throw unauthorized('Bearer realm="mersal", error="invalid_token"');
  }
  check.uses.note(principal.keyId);
  if (!principal.scopes.has('admin') && !scopes.some((scope) => principal.scopes.has(scope)))
    throw new Problem('forbidden', { detail: `this needs a key with the scope ${scopes.join(' or ')}` });
  return principal;
}

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The key behind the console's cookie. What changes something must come from the console's own page. */
function keyOfSession(check: KeyCheck, request: FastifyRequest): string | undefined {
  const session = sessionOf(request.headers.cookie);
  if (session === undefined) return undefined;
  if (!READING.has(request.method) && request.headers[CONSOLE_HEADER] === undefined)
    throw new Problem('forbidden', { detail: `a session needs the header ${CONSOLE_HEADER}` });
  return check.sessions.open(session);
}

/** Whose key this is. For handlers behind requireKey. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error(`${request.routeOptions.url ?? 'a route'} asks for no key`);
  return request.principal;
}

function unauthorized(challenge: string): Problem {
  return new Problem('unauthorized', { headers: { 'www-authenticate': challenge } });
}

function tooManyGuesses(waitMs: number): Problem {
  return new Problem('rate_limited', {
    detail: 'too many wrong keys from this address; a right one works all the same',
    headers: { 'retry-after': String(Math.ceil(waitMs / 1_000)) },
  });
}
