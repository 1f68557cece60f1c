import type http from 'node:http';
import type { Route } from './faults.js';

const MESSAGES = /^\/2010-04-01\/Accounts\/([^/]+)\/Messages(?:\/([^/.]+))?\.json$/;
const CONTENT = /^\/v1\/Content(?:\/|$)/;

/** An API request whose route is known. */
export interface ApiCall {
  readonly request: http.IncomingMessage;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly route: Route;
  readonly accountSid: string | undefined;
  readonly sid: string | undefined;
}

/** Undefined: the provider has no such path or method. */
export function routed(
  request: http.IncomingMessage,
  method: string,
  path: string,
  query: URLSearchParams,
): ApiCall | undefined {
  const base = { request, method, path, query };
  const match = MESSAGES.exec(path);
  if (match) {
    const [, accountSid, sid] = match;
    if (sid === undefined && method === 'POST') return { ...base, route: 'create', accountSid, sid };
    if (sid === undefined && method === 'GET') return { ...base, route: 'list', accountSid, sid };
    return sid !== undefined && method === 'GET' ? { ...base, route: 'fetch', accountSid, sid } : undefined;
  }
  if (!CONTENT.test(path)) return undefined;
  const route = path === '/v1/Content' && method === 'POST' ? 'content_create' : 'content';
  return { ...base, route, accountSid: undefined, sid: undefined };
}

/** A URL's path and query, as they stand: its fragment is no part of either. */
export function split(url: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  if (mark === -1) return { path: url, query: new URLSearchParams() };
  const fragment = url.indexOf('#', mark);
  return {
    path: url.slice(0, mark),
    query: new URLSearchParams(url.slice(mark + 1, fragment === -1 ? undefined : fragment)),
  };
}
