import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/**
 * Who calls: the peer, or where that is a trusted proxy the nearest address of X-Forwarded-For that is none. What a proxy passed on
 * there without being an address, such as `unknown`, counts as the one before it: nobody chooses what is remembered of them.
 */
export function callerAddress({ ip, ips }: Pick<FastifyRequest, 'ip' | 'ips'>): string {
  return ips?.findLast((address) => isIP(address) !== 0) ?? ip;
}
