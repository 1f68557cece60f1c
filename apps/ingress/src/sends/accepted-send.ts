import {
  defaultConversationId,
  encodeEvent,
  encodeHeaders,
  type IdKeys,
  idempotentU,
  type MessageId,
  messageId,
  partitionFor,
  randomU,
  type SendRequested,
} from '@mersal/contracts';
import type { OutRecord } from '@mersal/kafka';
import type { Restaurant } from '../tenants/tenant-directory.js';
import { bodyHash } from './body-hash.js';
import { recipientAddress, whatsappAddress } from './phone-number.js';
import { contentOf } from './read-send.js';
import { DEFAULT_PRIORITY, type SendBody } from './send-body.js';

export interface NewSend {
  readonly restaurant: Restaurant;
  readonly body: SendBody;
  /** Equal keys of one restaurant make equal ids. */
  readonly idempotencyKey: string | undefined;
  /** ms since 1970 */
  readonly now: number;
}

/** A send as it goes into the log: with its id and every default filled in. */
export function toSendRequested(
  idKeys: IdKeys,
  { restaurant, body, idempotencyKey, now }: NewSend,
): SendRequested {
  const { restaurantId } = restaurant;
  const u = idempotencyKey === undefined ? randomU() : idempotentU(restaurantId, idempotencyKey);
  const to = known(recipientAddress(body.phoneNumber));
  const from = known(whatsappAddress(body.fromNumber ?? restaurant.fromNumbers[0] ?? ''));
  return {
    restaurantId,
    messageId: messageId(idKeys, restaurantId, u),
    conversationId: body.conversationId ?? defaultConversationId(idKeys, restaurantId, from, to),
    to,
    from,
    content: contentOf(body),
    priority: body.priority ?? DEFAULT_PRIORITY,
    acceptedAt: now,
    bodyHash: bodyHash(body),
    ...(body.sendAt === undefined ? {} : { sendAt: Date.parse(body.sendAt) }),
    ...(body.expiresAt === undefined ? {} : { expiresAt: Date.parse(body.expiresAt) }),
    ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
  };
}

export function sendRecord(
  send: SendRequested,
  place: { readonly topic: string; readonly partitions: number; readonly source: string },
  traceparent: string | undefined,
): OutRecord {
  const headers = encodeHeaders({
    id: send.messageId,
    type: 'mersal.send.requested.v1',
    source: place.source,
    time: send.acceptedAt,
    subject: send.restaurantId,
    ...(traceparent === undefined ? {} : { traceparent }),
  });
  if (send.sendAt !== undefined) headers['not-before'] = String(send.sendAt);
  return {
    topic: place.topic,
    partition: partitionFor(send.restaurantId, place.partitions),
    key: send.restaurantId,
    value: encodeEvent('mersal.send.requested.v1', send),
    headers,
  };
}

/** What the caller gets with 202. */
export interface AcceptedBody {
  readonly id: MessageId;
  readonly status: 'queued';
  readonly restaurantId: string;
  readonly conversationId: string;
  readonly priority: number;
  readonly acceptedAt: string;
  readonly sendAt?: string;
  readonly expiresAt?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export function acceptedBody(send: SendRequested): AcceptedBody {
  const time = (ms: number): string => new Date(ms).toISOString();
  return {
    id: send.messageId as MessageId,
    status: 'queued',
    restaurantId: send.restaurantId,
    conversationId: send.conversationId,
    priority: send.priority,
    acceptedAt: time(send.acceptedAt),
    ...(send.sendAt === undefined ? {} : { sendAt: time(send.sendAt) }),
    ...(send.expiresAt === undefined ? {} : { expiresAt: time(send.expiresAt) }),
    ...(send.metadata === undefined ? {} : { metadata: send.metadata }),
  };
}

function known(address: string | undefined): string {
  if (address === undefined)
    throw new Error('a number that was not checked, or a restaurant without a number');
  return address;
}
