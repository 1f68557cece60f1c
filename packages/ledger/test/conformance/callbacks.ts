import { type Callback, type CallbackRule, type Claim, MESSAGE, REPORTED_FAILED } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { accepted, only, Stage, type Subject, unknown } from './subject.js';

type View = Parameters<CallbackRule>[0];

const delivered: CallbackRule = () => ({
  kind: 'apply',
  result: 'settled',
  state: MESSAGE.delivered,
  event: 'delivered',
});

/** As of a limit at the provider: again at that time, in ms since 1970, without using a retry up. */
function repeatAt(due: number): CallbackRule {
  return () => ({
    kind: 'apply',
    result: 'repeat',
    state: MESSAGE.retrying,
    event: 'retrying',
    errorClass: 'paused',
    retry: { due, counted: false },
  });
}

export function callbacksKeep(subject: () => Subject): void {
  it('settle a message under way; its slot stays until the answer', async () => {
    const stage = await Stage.open(subject(), 'early', { concurrency: 1 });
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    await report(stage, [callbackOf(claim)], delivered);
    expect(await stage.ledger.readMessage(stage.tenant, claim.u)).toMatchObject({
      status: 'delivered',
      sid: `SM${claim.u}`,
      callbacks: [{ status: 'delivered' }],
    });
    expect(await stage.heads()).toEqual([follower.u]);
    expect(await stage.claim([{ ...claim, u: follower.u }])).toEqual([]);
    expect(only(await stage.ledger.settle([accepted(claim)])).applied).toBe(false);
    expect(await stage.claim([{ ...claim, u: follower.u }])).toHaveLength(1);
    expect(await stage.events(claim.u)).toEqual(['queued', 'delivered']);
  });

  it('show the rule what is known, and null for an unknown message', async () => {
    const stage = await Stage.open(subject(), 'view');
    const claim = await stage.claimed('c');
    const seen: View[] = [];
    const look: CallbackRule = (view) => {
      seen.push(view);
      return { kind: 'ignore', result: 'looked' };
    };
    const elsewhere = { ...callbackOf(claim), u: 'f'.repeat(32) };
    await report(stage, [callbackOf(claim), elsewhere], look);
    await stage.ledger.settle([unknown(claim)]);
    await report(stage, [{ ...callbackOf(claim), status: 'failed' }], look);
    expect(seen[0]).toMatchObject({
      state: MESSAGE.waiting,
      attempt: 0,
      open: { attempt: 1, accountSid: claim.accountSid },
      attempted: null,
      redrive: 0,
      retries: 0,
      sender: claim.sender,
      recipient: stage.message('c').recipient,
    });
    expect(seen[1]).toBeNull();
    expect(seen[0]?.body).toBeNull();
    expect(seen[2]).toMatchObject({
      state: MESSAGE.unknown,
      open: null,
      retries: 1,
      attempted: { outcome: 'ambiguous', sid: null },
      body: { headers: { ce_id: 'x' } },
    });
    const view = await stage.ledger.readMessage(stage.tenant, claim.u);
    expect(view?.callbacks.map((one) => one.status)).toEqual(['delivered', 'failed']);
  });

  it('of one batch see each other', async () => {
    const stage = await Stage.open(subject(), 'batch');
    const claim = await stage.claimed('c');
    const states: unknown[] = [];
    const rule: CallbackRule = (view, callback) => {
      states.push(view?.state);
      return callback.status === 'read'
        ? { kind: 'apply', result: 'risen', state: MESSAGE.read, event: 'read' }
        : delivered(view, callback);
    };
    const first = callbackOf(claim);
    await report(stage, [first, { ...first, status: 'read' }], rule);
    expect(states).toEqual([MESSAGE.waiting, MESSAGE.delivered]);
    expect(await stage.status(claim.u)).toBe('read');
    expect(await stage.events(claim.u)).toEqual(['queued', 'delivered', 'read']);
  });

  it('are kept once, however often they come', async () => {
    const stage = await Stage.open(subject(), 'twice');
    const claim = await stage.claimed('c');
    await report(stage, [callbackOf(claim), callbackOf(claim)], () => ({ kind: 'ignore', result: 'x' }));
    await report(stage, [callbackOf(claim)], () => ({ kind: 'ignore', result: 'x' }));
    expect((await stage.ledger.readMessage(stage.tenant, claim.u))?.callbacks).toHaveLength(1);
  });

  it('of an asynchronous failure schedule a repeat, which comes back by its rank', async () => {
    const stage = await Stage.open(subject(), 'async');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([accepted(claim)]);
    const due = subject().now();
    await report(stage, [{ ...callbackOf(claim), status: 'failed', errorCode: 63018 }], repeatAt(due));
    const view = await stage.ledger.readMessage(stage.tenant, claim.u);
    expect(view).toMatchObject({ status: 'retrying', sid: null, error: { class: 'paused', code: 63018 } });
    expect(view?.attempts).toMatchObject([{ attempt: 1, sid: `SM${claim.u}`, outcome: REPORTED_FAILED }]);
    // The SID that failed proves nothing any more.
    expect(only(await stage.ledger.settle([accepted(claim)])).applied).toBe(false);
    expect(await stage.events(claim.u)).toEqual(['queued', 'sent', 'retrying']);
    await stage.admit(stage.message('c'));
    expect(await stage.retry(claim.u, 1, due)).toEqual([claim.u]);
    expect(only(await stage.claim([claim]))).toMatchObject({ attempt: 2, retries: 0, lastError: 'paused' });
  });

  it('of a failure that come before the answer hold: neither it nor a lease that ended takes them back', async () => {
    for (const late of [accepted, unknown]) {
      const stage = await Stage.open(subject(), `early-${late.name}`);
      const claim = await stage.claimed('c');
      const due = subject().now();
      await report(stage, [{ ...callbackOf(claim), status: 'failed', errorCode: 63018 }], repeatAt(due));
      // Its answer, and once more where the commit's answer was lost.
      for (let time = 1; time <= 2; time += 1)
        expect(only(await stage.ledger.settle([late(claim)])).applied).toBe(false);
      const view = await stage.ledger.readMessage(stage.tenant, claim.u);
      expect(view).toMatchObject({ status: 'retrying', error: { class: 'paused', code: 63018 } });
      expect(view?.attempts).toMatchObject([{ attempt: 1, outcome: REPORTED_FAILED, code: 63018 }]);
      expect(await stage.retry(claim.u, 1, due)).toEqual([claim.u]);
    }
  });

  it('show the rule of a failure what the attempt before it failed with, as it was reported', async () => {
    const stage = await Stage.open(subject(), 'before');
    const claim = await stage.claimed('c');
    const seen: unknown[] = [];
    const again: CallbackRule = (view) => {
      seen.push(view?.codeBefore);
      return {
        kind: 'apply',
        result: 'repeat',
        state: MESSAGE.retrying,
        event: 'retrying',
        errorClass: 'template_gone',
        retry: { due: subject().now(), counted: true },
      };
    };
    await stage.ledger.settle([accepted(claim)]);
    await report(stage, [{ ...callbackOf(claim), status: 'failed', errorCode: 63027 }], again);
    await stage.retry(claim.u, 1, subject().now());
    const second = only(await stage.claim([claim]));
    await stage.ledger.settle([accepted(second)]);
    await report(stage, [callbackOf(second)], () => ({ kind: 'ignore', result: 'x' }));
    const failed: CallbackRule = (view) => {
      seen.push(view?.codeBefore);
      return { kind: 'ignore', result: 'x' };
    };
    await report(stage, [{ ...callbackOf(second), sid: 'SM2', status: 'failed' }], failed);
    expect(seen).toEqual([null, 63027]);
    const view = await stage.ledger.readMessage(stage.tenant, claim.u);
    expect(view?.attempts).toMatchObject([{ attempt: 1, code: 63027 }, { attempt: 2 }]);
  });

  it('carry out effects, as settlements do', async () => {
    const stage = await Stage.open(subject(), 'effects');
    const claim = await stage.claimed('c');
    const { recipient } = stage.message('c');
    const rule: CallbackRule = () => ({
      kind: 'apply',
      result: 'settled',
      state: MESSAGE.failed,
      event: 'failed',
      effects: [
        {
          kind: 'suppress',
          tenant: stage.tenant,
          recipient,
          address: 'whatsapp:+9665',
          reason: 'x',
          u: claim.u,
        },
      ],
    });
    await report(stage, [{ ...callbackOf(claim), status: 'failed', errorCode: 63014 }], rule);
    expect(await stage.ledger.listSuppressions(stage.tenant, 5)).toHaveLength(1);
    expect(await stage.status(claim.u)).toBe('failed');
  });

  it('are refused to a former owner', async () => {
    const stage = await Stage.open(subject(), 'former-callbacks');
    const claim = await stage.claimed('c');
    await stage.ledger.takeOwnership(stage.own.partition, 'other');
    await expect(report(stage, [callbackOf(claim)], delivered)).rejects.toMatchObject({ code: 'fenced' });
    expect(await stage.status(claim.u)).toBe('sending');
  });
}

function callbackOf(claim: Claim): Callback {
  return {
    tenant: claim.tenant,
    u: claim.u,
    attempt: claim.attempt,
    accountSid: claim.accountSid,
    sid: `SM${claim.u}`,
    status: 'delivered',
    receivedAt: claim.acceptedAt + 50,
  };
}

async function report(stage: Stage, callbacks: readonly Callback[], rule: CallbackRule): Promise<void> {
  const first = await stage.ledger.admittedOffset(stage.own.partition, 'callbacks');
  const range = { first, next: first + BigInt(callbacks.length) };
  await stage.ledger.applyCallbacks(stage.own, range, callbacks, rule, []);
}
