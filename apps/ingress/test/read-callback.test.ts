import { randomU } from '@mersal/contracts';
import { expect, it } from 'vitest';
import { readCallback } from '../src/callbacks/read-callback.js';

const messageId = `${randomU()}-1aaaaaaaaaaaa`;
const target = { restaurantId: 'r1', messageId, attempt: '2', accountSid: 'AC1' };
const form = { MessageSid: 'SM1', MessageStatus: 'delivered', AccountSid: 'AC1', Surprise: ['a', 'b'] };

it('says which attempt of which message got where', () => {
  expect(readCallback(target, form, 7)).toEqual({
    kind: 'callback',
    callback: {
      restaurantId: 'r1',
      messageId,
      attempt: 2,
      accountSid: 'AC1',
      sid: 'SM1',
      status: 'delivered',
      receivedAt: 7,
    },
  });
  const failed = readCallback(target, { ...form, MessageStatus: 'undelivered', ErrorCode: '63018' }, 7);
  expect(failed).toMatchObject({ callback: { status: 'undelivered', errorCode: 63018 } });
});

it.each(['partially_delivered', 'receiving'])('does not know the status %s', (status) => {
  expect(readCallback(target, { ...form, MessageStatus: status }, 7).kind).toBe('unknown_status');
});

it.each([
  [{ ...target, attempt: '-1' }, form],
  [{ ...target, attempt: 'x' }, form],
  [{ ...target, messageId: 'none' }, form],
  [target, { ...form, MessageSid: '' }],
  [target, { AccountSid: 'AC1', MessageSid: 'SM1' }],
])('makes nothing of %j %j', (named, fields) => {
  expect(readCallback(named, fields, 7).kind).toBe('malformed');
});
