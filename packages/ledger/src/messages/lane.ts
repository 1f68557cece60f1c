import { createHash } from 'node:crypto';

/**
 * The number of a conversation's lane: 64 bits of its hash. Two conversations of one restaurant that collide share a
 * lane, which keeps both in order and costs nothing but a little waiting.
 */
export function laneOf(conversationId: string): string {
  return createHash('sha256').update(conversationId).digest().readBigInt64BE(0).toString();
}
