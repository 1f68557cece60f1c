import { type Callback, type CallbackView, MESSAGE } from '@mersal/ledger';
import { describe, expect, it } from 'vitest';
import { callbackRule } from '../src/admission/callback-rule.js';

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
const view = (more: Partial<CallbackView>): CallbackView => ({
  state: MESSAGE.waiting,
  attempt: 0,
  sid: null,
  open: null,
  attempted: null,
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
  it('does not wake the dead', () => {
    const dead = view({ state: MESSAGE.dead, attempt: 1, attempted: attempted() });
    expect(callbackRule(dead, callback)).toEqual({ kind: 'ignore', result: 'too_late' });
  });
});
