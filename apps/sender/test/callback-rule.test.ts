import { encodeEvent, encodeHeaders, rereadEvent } from '@mersal/contracts';
import { type Callback, type CallbackView, MESSAGE, REPORTED_FAILED } from '@mersal/ledger';
import { describe, expect, it } from 'vitest';
import { createCallbackRule } from '../src/admission/callback-rule.js';

const callbackRule = createCallbackRule({
  policy: { attempts: 3, backoffMs: 2_000, maxAgeMs: 86_400_000 },
  now: () => 10_000,
  random: () => 0,
  limitOf: () => 'recipient',
});

const callback: Callback = {
  tenant: 1,
  u: 'a'.repeat(32),
  attempt: 1,
  accountSid: 'AC1',
  sid: 'SM1',
  status: 'delivered',
  receivedAt: 0,
};
const attempted = (more: Partial<NonNullable<CallbackView['attempted']>> = {}) => ({
  sid: null,
  accountSid: 'AC1',
  outcome: 'ambiguous',
  ...more,
});
const body = {
  record: encodeEvent('mersal.send.requested.v1', {
    restaurantId: 'r1',
    messageId: `${'a'.repeat(32)}-1aaaaaaaaaaaa`,
    conversationId: 'c1',
    to: 'whatsapp:+966500000000',
    from: 'whatsapp:+14155238886',
    content: { kind: 'text', text: 'طلبك جاهز' },
    priority: 5,
    acceptedAt: 0,
    bodyHash: '0'.repeat(64),
  }),
  headers: encodeHeaders({
    id: 'x',
    type: 'mersal.send.requested.v1',
    source: 'ingress/1',
    time: 0,
    subject: 'r1',
  }),
};
const view = (more: Partial<CallbackView>): CallbackView => ({
  state: MESSAGE.waiting,
  attempt: 0,
  sid: null,
  open: null,
  attempted: null,
  codeBefore: null,
  redrive: 0,
  retries: 0,
  acceptedAt: 0,
  sender: 'whatsapp:+14155238886',
  recipient: 'b'.repeat(32),
  body,
  ...more,
});
const sending = view({ open: { attempt: 1, accountSid: 'AC1' } });
const sent = view({
  state: MESSAGE.sent,
  attempt: 1,
  sid: 'SM1',
  attempted: attempted({ sid: 'SM1', outcome: 'accepted' }),
});

describe('a status callback', () => {
  it('of a message that nobody knows is kept and changes nothing', () => {
    expect(callbackRule(null, callback)).toEqual({ kind: 'ignore', result: 'unknown_message' });
  });
  it('before the answer settles the attempt under way', () => {
    expect(callbackRule(sending, { ...callback, status: 'sent' })).toMatchObject({
      kind: 'apply',
      state: MESSAGE.sent,
    });
    expect(callbackRule(sending, { ...callback, status: 'sending' })).toMatchObject({
      kind: 'apply',
      state: MESSAGE.sent,
    });
  });
  it('of another attempt does not settle the one under way', () => {
    expect(callbackRule(sending, { ...callback, attempt: 2 })).toMatchObject({ kind: 'ignore' });
  });
  it('instead of the answer settles an unknown one', () => {
    const unknown = view({ state: MESSAGE.unknown, attempt: 1, attempted: attempted() });
    expect(callbackRule(unknown, callback)).toMatchObject({ kind: 'apply', state: MESSAGE.delivered });
  });
  it('for an attempt that was judged not accepted cancels the coming retry', () => {
    const retrying = view({
      state: MESSAGE.retrying,
      attempt: 1,
      attempted: attempted({ outcome: 'not_accepted' }),
    });
    expect(callbackRule(retrying, callback)).toMatchObject({ kind: 'apply', state: MESSAGE.delivered });
    const due = view({
      state: MESSAGE.waiting,
      attempt: 1,
      attempted: attempted({ outcome: 'not_accepted' }),
    });
    expect(callbackRule(due, callback)).toMatchObject({ kind: 'apply' });
  });
  it('raises a message and never lowers it', () => {
    expect(callbackRule(sent, callback)).toMatchObject({ kind: 'apply', state: MESSAGE.delivered });
    expect(callbackRule({ ...sent, state: MESSAGE.delivered }, { ...callback, status: 'sent' })).toEqual({
      kind: 'ignore',
      result: 'not_risen',
    });
    expect(callbackRule({ ...sent, state: MESSAGE.failed }, callback)).toMatchObject({
      kind: 'apply',
      state: MESSAGE.delivered,
    });
    expect(
      callbackRule({ ...sent, state: MESSAGE.delivered }, { ...callback, status: 'failed' }),
    ).toMatchObject({ kind: 'ignore' });
  });
  it('of another account, or with another SID, is not believed', () => {
    expect(callbackRule(sending, { ...callback, accountSid: 'AC2' })).toEqual({
      kind: 'ignore',
      result: 'account_mismatch',
    });
    expect(callbackRule(sent, { ...callback, accountSid: 'AC2' })).toEqual({
      kind: 'ignore',
      result: 'account_mismatch',
    });
    expect(callbackRule(sent, { ...callback, sid: 'SM2' })).toEqual({
      kind: 'ignore',
      result: 'sid_mismatch',
    });
  });
  it('proves that a message which was given up had been accepted', () => {
    for (const state of [MESSAGE.dead, MESSAGE.cancelled, MESSAGE.expired]) {
      const over = view({ state, attempt: 1, attempted: attempted({ outcome: 'not_accepted' }) });
      expect(callbackRule(over, callback)).toMatchObject({ kind: 'apply', state: MESSAGE.delivered });
      expect(callbackRule({ ...over, attempted: null }, callback)).toMatchObject({ kind: 'ignore' });
    }
  });
});

describe('a report of failure', () => {
  const undelivered = (errorCode?: number): Callback => ({
    ...callback,
    status: 'undelivered',
    ...(errorCode === undefined ? {} : { errorCode }),
  });
  it('that may pass is tried again, and what costs no attempt is not counted', () => {
    expect(callbackRule(sent, undelivered(63012))).toMatchObject({
      state: MESSAGE.retrying,
      event: 'retrying',
      retry: { due: 12_000, counted: true },
      errorClass: 'transient',
    });
    expect(callbackRule(sent, undelivered(63018))).toMatchObject({
      state: MESSAGE.retrying,
      retry: { due: 16_000, counted: false },
      effects: [],
    });
  });
  it('that uses the last retry up, or is for good, is final', () => {
    expect(callbackRule({ ...sent, retries: 3 }, undelivered(63012))).toMatchObject({
      state: MESSAGE.failed,
    });
    expect(callbackRule(sent, undelivered(63016))).toMatchObject({
      state: MESSAGE.failed,
      event: 'failed',
      errorClass: 'content',
    });
    expect(callbackRule(sent, { ...callback, status: 'canceled' })).toMatchObject({ state: MESSAGE.failed });
  });
  it('of an opt-out or of the account concerns others too', () => {
    expect(callbackRule(sent, undelivered(63014))).toMatchObject({
      state: MESSAGE.failed,
      effects: [{ kind: 'suppress', address: 'whatsapp:+966500000000' }],
    });
    expect(callbackRule(sent, undelivered(63020))).toMatchObject({
      state: MESSAGE.retrying,
      retry: { due: 10_000, counted: false },
      effects: [{ kind: 'suspend', accountSid: 'AC1', credentials: null }],
    });
  });
  it('is heard once: its repetition does not end the retry, its delivery after all does', () => {
    const again = view({
      state: MESSAGE.retrying,
      attempt: 1,
      attempted: attempted({ sid: 'SM1', outcome: REPORTED_FAILED }),
    });
    expect(callbackRule(again, undelivered(63012))).toEqual({ kind: 'ignore', result: 'not_risen' });
    expect(callbackRule(again, { ...callback, status: 'sent' })).toEqual({
      kind: 'ignore',
      result: 'not_risen',
    });
    expect(callbackRule(again, callback)).toMatchObject({ kind: 'apply', state: MESSAGE.delivered });
  });
  describe('of a template that is gone', () => {
    const named = {
      ...body,
      record: encodeEvent('mersal.send.requested.v1', {
        ...rereadEvent('mersal.send.requested.v1', body.record),
        content: { kind: 'template', template: 'menu', contentVariables: {} },
      }),
    };
    const gone = { ...undelivered(63027), contentSid: 'HX1' };
    const told = { restaurantId: 'r1', accountSid: 'AC1', name: 'menu', contentSid: 'HX1' };

    it('by its name is tried once more, and the SID told that it stood for', () => {
      expect(callbackRule({ ...sent, body: named }, gone)).toMatchObject({
        state: MESSAGE.retrying,
        errorClass: 'template_gone',
        retry: { counted: true },
        gone: told,
      });
      for (const codeBefore of [63027, 21655])
        expect(callbackRule({ ...sent, body: named, codeBefore }, gone)).toMatchObject({
          state: MESSAGE.failed,
          gone: told,
        });
      expect(callbackRule({ ...sent, body: named, codeBefore: 63012 }, gone)).toMatchObject({
        state: MESSAGE.retrying,
      });
    });
    it('is told of also where its message was given up', () => {
      const dead = view({
        state: MESSAGE.dead,
        attempt: 1,
        attempted: attempted({ outcome: 'not_accepted' }),
        body: named,
      });
      expect(callbackRule(dead, gone)).toMatchObject({ state: MESSAGE.failed, gone: told });
    });
    it('by its SID is final, and nothing to be forgotten', () => {
      const bySid = callbackRule(sent, gone);
      expect(bySid).toMatchObject({ state: MESSAGE.failed, errorClass: 'template_gone' });
      expect(bySid).not.toHaveProperty('gone');
      expect(callbackRule({ ...sent, body: named }, undelivered(63027))).not.toHaveProperty('gone');
      expect(callbackRule({ ...sent, body: named }, { ...gone, errorCode: 63016 })).not.toHaveProperty(
        'gone',
      );
    });
  });
  it('of a message that was given up revives nothing', () => {
    const dead = view({ state: MESSAGE.dead, attempt: 1, attempted: attempted({ outcome: 'not_accepted' }) });
    expect(callbackRule(dead, undelivered(63012))).toMatchObject({ state: MESSAGE.failed });
  });
});
