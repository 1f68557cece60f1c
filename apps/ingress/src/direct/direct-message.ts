import { parseMessageId, type SendRequested } from '@mersal/contracts';
import { type DirectMessage, laneOf, recipientOf } from '@mersal/ledger';
import { sendRecord } from '../sends/accepted-send.js';

/** A send as the ledger files it: the same record that it would be in Kafka. */
export function toDirectMessage(
  send: SendRequested,
  tenant: number,
  place: { readonly topic: string; readonly partitions: number; readonly source: string },
  traceparent: string | undefined,
): DirectMessage {
  const { u, tag } = parseMessageId(send.messageId) ?? { u: '', tag: '' };
  const { value, headers } = sendRecord(send, place, traceparent);
  return {
    tenant,
    u,
    tag,
    lane: laneOf(send.conversationId),
    conversation: send.conversationId,
    priority: send.priority,
    acceptedAt: send.acceptedAt,
    expiresAt: send.expiresAt,
    sender: send.from,
    recipient: recipientOf(send.to),
    bodyHash: send.bodyHash,
    record: value === null ? Buffer.alloc(0) : Buffer.from(value),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)])),
  };
}
