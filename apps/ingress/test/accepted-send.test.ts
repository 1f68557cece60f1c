import { randomBytes } from 'node:crypto';
import { parseIdKeys, partitionFor, verifyMessageId } from '@mersal/contracts';
import { expect, it } from 'vitest';
import { sendRecord, toSendRequested } from '../src/sends/accepted-send.js';

const idKeys = parseIdKeys(`1:${randomBytes(32).toString('base64')}`);
const restaurant = { id: 1, restaurantId: 'r1', partition: 0, fromNumbers: ['whatsapp:+14155238886'] };
const body = { phoneNumber: '+966501234567', text: 'x' };
const make = (more: object = {}, idempotencyKey?: string, restaurantId = 'r1') =>
  toSendRequested(idKeys, {
    restaurant: { ...restaurant, restaurantId },
    body: { ...body, ...more },
    idempotencyKey,
    now: 1_000,
  });

it('fills in the defaults; the hash is over what was sent', () => {
  const send = make();
  expect(send).toMatchObject({ from: 'whatsapp:+14155238886', to: 'whatsapp:+966501234567', priority: 5 });
  expect(send.conversationId).toBe(make().conversationId);
  expect(send.conversationId).not.toContain('501234567');
  expect(make({ priority: 5 }).bodyHash).not.toBe(send.bodyHash);
});

it('ids prove themselves; equal keys of one restaurant make equal ids, of two do not', () => {
  expect(verifyMessageId(idKeys, 'r1', make().messageId)).toBe(true);
  expect(make().messageId).not.toBe(make().messageId);
  expect(make({}, 'order-1').messageId).toBe(make({ text: 'y' }, 'order-1').messageId);
  expect(make({}, 'order-1').messageId).not.toBe(make({}, 'order-1', 'r2').messageId);
  expect(make({}, 'order-1').messageId).not.toBe(make({}, 'order-2').messageId);
});

it('the record lies in the restaurant’s partition and says when it is due', () => {
  const place = { topic: 't', partitions: 12, source: 'ingress/1' };
  const send = make({ sendAt: '2026-11-24T13:00:00+03:00' });
  const record = sendRecord(send, place, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  expect(record).toMatchObject({
    partition: partitionFor('r1', 12),
    key: 'r1',
    headers: {
      ce_id: send.messageId,
      ce_subject: 'r1',
      'not-before': String(Date.parse('2026-11-24T10:00:00Z')),
    },
  });
  expect(sendRecord(make(), place, undefined).headers).not.toHaveProperty('not-before');
});
