import { compile } from '@fastify/proxy-addr';
import type { FastifyRequest } from 'fastify';
import { isIP } from 'node:net';

/** `203.0.113.7:51234`, `[2001:db8::1]:443`, `[2001:db8::1]`: some load balancers write these. */
const WITH_PORT = /^(?:(?<v4>[\d.]+):\d{1,5}|\[(?<v6>[\da-f:.]+)\](?::\d{1,5})?)$/i;

/**
 * Who calls: the peer, or where that is a trusted proxy the nearest address of X-Forwarded-For that is none. What a proxy passed on
 * there without being an address, such as `unknown`, counts as the one before it; a port is no part of an address: nobody chooses
 * what is remembered of them.
 */
export function callerAddress({ ip, ips }: Pick<FastifyRequest, 'ip' | 'ips'>): string {
  for (const entry of ips?.toReversed() ?? []) {
    const address = addressIn(entry);
    if (address !== undefined) return address;
  }
  return ip;
}

/** Whether an entry of X-Forwarded-For, or the peer, is one of these addresses and networks. */
export function trustProxies(trusted: readonly string[]): (entry: string, hop: number) => boolean {
  const isTrusted = compile([...trusted]);
  return (entry, hop) => {
    const address = addressIn(entry);
    return address !== undefined && isTrusted(address, hop);
  };
}

/** The address alone; undefined: it is none. */
function addressIn(entry: string): string | undefined {
  if (isIP(entry) !== 0) return entry;
  const { v4, v6 } = WITH_PORT.exec(entry)?.groups ?? {};
  if (v4 !== undefined) return isIP(v4) === 4 ? v4 : undefined;
  return v6 !== undefined && isIP(v6) === 6 ? v6 : undefined;
}
