import type { Principal, Scope } from '@mersal/ledger';
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { Problem } from '../problems/problem.js';
import type { Principals } from './principals.js';

const BEARER = /^Bearer +([\x21-\x7e]{1,512}) *$/i;

/** A hook that lets only keys through that have one of the scopes. `admin` has every right. */
export function requireKey(principals: Principals, ...scopes: readonly Scope[]): onRequestAsyncHookHandler {
  return async (request) => {
    const { authorization } = request.headers;
    if (authorization === undefined) throw unauthorized('Bearer realm="mersal"');
    const token = BEARER.exec(authorization)?.[1];
    const principal = token === undefined ? undefined : await principals.find(token);
    if (principal === undefined) throw unauthorized('Bearer realm="mersal", error="invalid_token"');
    if (!principal.scopes.has('admin') && !scopes.some((scope) => principal.scopes.has(scope))) {
      throw new Problem('forbidden', { detail: `this needs a key with the scope ${scopes.join(' or ')}` });
    }
    request.principal = principal;
  };
}

/** Whose key this is. For handlers behind requireKey. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error(`${request.routeOptions.url ?? 'a route'} asks for no key`);
  return request.principal;
}

function unauthorized(challenge: string): Problem {
  return new Problem('unauthorized', { headers: { 'www-authenticate': challenge } });
}
