import type { MessageRecord } from '@mersal/twilio-gateway';
import { describe, expect, it } from 'vitest';
import { examine } from '../src/reconcile/evidence.js';

const doubt = {
  to: 'whatsapp:+9665',
  from: 'whatsapp:+1415',
  body: 'طلبك جاهز',
  startedAt: 100_000,
  finishedAt: 110_000,
};
const record = (more: Partial<MessageRecord> = {}): MessageRecord => ({
  sid: 'SM1',
  status: 'queued',
  to: doubt.to,
  from: doubt.from,
  dateCreated: new Date(101_000),
  dateSent: null,
  body: doubt.body,
  ...more,
});
const listing = (messages: MessageRecord[], complete = true) => ({ complete, messages });
const none = new Set<string>();

describe('what a list tells of an unknown attempt', () => {
  it('exactly one that fits: it was accepted', () => {
    expect(examine(doubt, listing([record()]), none, 0)).toEqual({
      kind: 'accepted',
      sid: 'SM1',
      status: 'queued',
    });
  });
  it('is no proof where it belongs to another message, says something else, or is of another time', () => {
    for (const other of [
      record({ body: 'x' }),
      record({ dateCreated: new Date(10_000) }),
      record({ to: 'whatsapp:+1' }),
    ]) {
      expect(examine(doubt, listing([other]), none, 0)).toEqual({ kind: 'absent' });
    }
    expect(examine(doubt, listing([record()]), new Set(['SM1']), 0)).toEqual({ kind: 'absent' });
  });
  it('several that fit, or a rival in doubt: nobody can tell', () => {
    expect(examine(doubt, listing([record(), record({ sid: 'SM2' })]), none, 0)).toEqual({
      kind: 'open',
      reason: 'several',
    });
    expect(examine(doubt, listing([record()]), none, 1)).toEqual({ kind: 'open', reason: 'several' });
  });
  it('an incomplete list proves no absence', () => {
    expect(examine(doubt, listing([], false), none, 0)).toEqual({ kind: 'open', reason: 'list_failed' });
  });
});
