import {
  type DirectAnswer,
  type DirectClaim,
  MESSAGE,
  type NewMessage,
  type Settlement,
} from '@mersal/ledger';
import { expect, it } from 'vitest';
import { accepted, dead, LIMITS, only, Stage, type Subject, unknown } from './subject.js';

/** What an attempt without the queue promises. */
export function directKeeps(subject: () => Subject): void {
  it('takes a slot and no lane, is sending, and ends as sent', async () => {
    const stage = await Stage.open(subject(), 'direct', { concurrency: 1 });
    const message = stage.message('c');
    const claim = await claimed(stage, message);
    expect(claim).toMatchObject({ attempt: 1, redrive: 0 });
    expect(await stage.heads()).toEqual([]);
    expect(await stage.status(message.u)).toBe('sending');
    expect((await stage.ledger.counts()).tenantConcurrency['direct']).toEqual({ active: 1, limit: 1 });
    expect(await stage.ledger.cancel(stage.tenant, message.u, message.tag)).toBe('not_cancellable');
    expect(only(await stage.ledger.settle([sent(message, claim)])).applied).toBe(true);
    expect(await stage.ledger.readMessage(stage.tenant, message.u)).toMatchObject({
      status: 'sent',
      sid: `SM${message.u}`,
      attempts: [{ attempt: 1, outcome: 'accepted' }],
    });
    expect((await stage.ledger.counts()).tenantConcurrency['direct']).toBeUndefined();
    expect(await stage.events(message.u)).toEqual(['sent']);
    expect(await ask(stage, message)).toMatchObject({ kind: 'known', state: MESSAGE.sent, sameBody: true });
  });

  it('shares the slots with the queue', async () => {
    const stage = await Stage.open(subject(), 'direct-slots', { concurrency: 2 });
    const queued = await stage.claimed('a');
    const direct = stage.message('b');
    const claim = await claimed(stage, direct);
    expect(await ask(stage, stage.message('c'))).toEqual({ kind: 'busy', why: 'slots' });
    const waiting = await stage.admit(stage.message('d'));
    expect(await stage.claim(waiting)).toEqual([]);
    await stage.ledger.settle([sent(direct, claim)]);
    expect(await stage.claim(waiting)).toHaveLength(1);
    await stage.ledger.settle([accepted(queued)]);
  });

  it('makes the slots of a restaurant that no sender has met', async () => {
    const { id } = await subject().tenant('direct-first');
    const other = await Stage.open(subject(), 'direct-first-stage');
    const answer = await subject().ledger.claimDirect({ ...other.message('c'), tenant: id }, LIMITS);
    expect(answer).toMatchObject({ kind: 'claimed', claim: { slot: 0 } });
  });

  it('that was refused may be tried again with the same body, by a further attempt', async () => {
    const stage = await Stage.open(subject(), 'direct-again');
    const message = stage.message('c');
    await refuse(stage, message, await claimed(stage, message));
    expect(await stage.ledger.readMessage(stage.tenant, message.u)).toMatchObject({
      status: 'failed',
      error: { class: 'transient' },
    });
    expect(await ask(stage, { ...message, bodyHash: '11'.repeat(32) })).toMatchObject({
      kind: 'known',
      state: MESSAGE.refused,
      sameBody: false,
    });
    const again = await claimed(stage, message);
    expect(again.attempt).toBe(2);
    await stage.ledger.settle([sent(message, again)]);
    expect(await stage.status(message.u)).toBe('sent');
    expect(await stage.events(message.u)).toEqual(['sent']);
  });

  it('that was refused goes through the queue once its record comes', async () => {
    const stage = await Stage.open(subject(), 'direct-then-queue');
    const message = stage.message('c');
    await refuse(stage, message, await claimed(stage, message));
    expect(await stage.ledger.wake([stage.own], 100)).toEqual([]);
    expect(await stage.ledger.inQueue({ tenant: stage.tenant, u: message.u })).toBe(false);
    await stage.admit(message);
    expect(await ask(stage, message)).toMatchObject({ kind: 'known' });
    expect(await stage.ledger.inQueue({ tenant: stage.tenant, u: message.u })).toBe(true);
    const heads = await stage.ledger.wake([stage.own], 100);
    expect(heads.map((head) => head.u)).toEqual([message.u]);
    expect(only(await stage.claim(heads))).toMatchObject({ attempt: 2, retries: 0 });
    expect(await stage.events(message.u)).toEqual(['queued']);
  });

  it('whose record comes with another body is not reopened', async () => {
    const stage = await Stage.open(subject(), 'direct-other-body');
    const message = stage.message('c');
    await refuse(stage, message, await claimed(stage, message));
    await stage.admit({ ...message, bodyHash: '11'.repeat(32) });
    expect(await stage.ledger.inQueue({ tenant: stage.tenant, u: message.u })).toBe(false);
    expect(await stage.ledger.wake([stage.own], 100)).toEqual([]);
    expect(await stage.status(message.u)).toBe('failed');
  });

  it('whose record comes while it is under way is sent by the queue only if it was refused', async () => {
    const stage = await Stage.open(subject(), 'direct-meets-queue');
    const [one, two] = [stage.message('a'), stage.message('b')];
    const [first, second] = [await claimed(stage, one), await claimed(stage, two)];
    expect(await stage.admit(one, two)).toEqual([]);
    await refuse(stage, one, first);
    await stage.ledger.settle([sent(two, second)]);
    const heads = await stage.ledger.wake([stage.own], 100);
    expect(heads.map((head) => head.u)).toEqual([one.u]);
    expect([await stage.status(one.u), await stage.status(two.u)]).toEqual(['queued', 'sent']);
  });

  it('is known where the queue has it already', async () => {
    const stage = await Stage.open(subject(), 'direct-known');
    const message = stage.message('c');
    const taken = () => stage.ledger.inQueue({ tenant: stage.tenant, u: message.u });
    expect(await taken()).toBe(false);
    await stage.admit(message);
    expect(await taken()).toBe(true);
    expect(await ask(stage, message)).toMatchObject({
      kind: 'known',
      state: MESSAGE.waiting,
      sameBody: true,
    });
  });

  it('without an answer is unknown, and its retry enters its conversation', async () => {
    const stage = await Stage.open(subject(), 'direct-unknown');
    const message = stage.message('c');
    const claim = await claimed(stage, message);
    await stage.ledger.settle([unknown(asClaim(stage, message, claim))]);
    expect(await stage.status(message.u)).toBe('unknown');
    const found = (await stage.ledger.unknownMessages([stage.own.partition], 100)).find(
      (one) => one.u === message.u,
    );
    expect(found).toMatchObject({ attempt: 1, orphaned: false });
    const again = { ...unknown(asClaim(stage, message, claim)), slot: -1, state: MESSAGE.retrying } as const;
    await stage.ledger.settle([{ ...again, due: 1, event: 'retrying', outcome: 'not_accepted' }]);
    expect(await stage.retry(message.u, 1, 1)).toEqual([message.u]);
    expect(only(await stage.claim([{ ...asClaim(stage, message, claim) }]))).toMatchObject({ attempt: 2 });
  });

  it('whose lease ends is found without its partition, becomes unknown, and gives its slot back', async () => {
    const stage = await Stage.open(subject(), 'direct-lease', { concurrency: 1 });
    const message = stage.message('c');
    const answer = await stage.ledger.claimDirect(message, { ...LIMITS, leaseMs: 100 });
    expect(answer.kind).toBe('claimed');
    await stage.claim(await stage.admit(stage.message('queued')), { leaseMs: 100 });
    await subject().later(200);
    const overdue = (await stage.ledger.overdueDirect()).filter((one) => one.tenant === stage.tenant);
    expect(overdue.map((one) => one.u)).toEqual([message.u]);
    expect(only(overdue).startedAt).toBeLessThan(only(overdue).finishedAt);
    expect(only(overdue).accountSid).not.toBe('');
    await stage.ledger.settle(overdue);
    expect(await stage.status(message.u)).toBe('unknown');
    expect((await ask(stage, stage.message('d'))).kind).toBe('claimed');
  });

  it('waits for a message to the same recipient that is in doubt, and is not taken for it', async () => {
    const stage = await Stage.open(subject(), 'direct-doubt');
    const twin = stage.message('c');
    const twinClaim = await claimed(stage, twin);
    const doubtful = await stage.claimed('c');
    await stage.ledger.settle([unknown(doubtful)]);
    const unknowns = async () =>
      (await stage.ledger.unknownMessages([stage.own.partition], 500)).filter((one) => one.u === doubtful.u);
    expect(await unknowns()).toEqual([]);
    expect(await ask(stage, stage.message('c'))).toEqual({ kind: 'busy', why: 'doubt' });
    expect((await ask(stage, stage.message('elsewhere'))).kind).toBe('claimed');
    await stage.ledger.settle([sent(twin, twinClaim)]);
    expect(await unknowns()).toHaveLength(1);
    await stage.ledger.leaveUndecided(stage.tenant, doubtful.u, doubtful.attempt);
    expect((await ask(stage, stage.message('c'))).kind).toBe('claimed');
  });

  it('that was refused has all its retries for a later doubt', async () => {
    const stage = await Stage.open(subject(), 'direct-retries');
    const message = stage.message('c');
    for (let n = 0; n < 4; n += 1)
      await refuse(stage, message, await claimed(stage, message), { counted: true });
    await subject().later(10);
    const last = await claimed(stage, message);
    await stage.ledger.settle([unknown(asClaim(stage, message, last))]);
    const [found] = (await stage.ledger.unknownMessages([stage.own.partition], 500)).filter(
      (one) => one.u === message.u,
    );
    expect(found).toMatchObject({ attempt: 5, retries: 1 });
    expect(found?.acceptedAt).toBeGreaterThan(message.acceptedAt);
  });

  it('past its time is over before it begins', async () => {
    const stage = await Stage.open(subject(), 'direct-late');
    const late = stage.message('c', { expiresAt: Math.floor(subject().now()) - 1_000 });
    expect(await ask(stage, late)).toMatchObject({ kind: 'known', state: MESSAGE.expired });
    expect(await stage.status(late.u)).toBeUndefined();
  });

  it('that the queue will send is known as such, whatever hinders that', async () => {
    const stage = await Stage.open(subject(), 'direct-queued');
    const message = stage.message('c');
    await refuse(stage, message, await claimed(stage, message));
    await stage.admit(message);
    await stage.ledger.setPause({ scope: 'tenant', tenant: stage.tenant }, null, 'audit', 'me');
    expect(await ask(stage, message)).toMatchObject({ kind: 'known', state: MESSAGE.waiting });
    await stage.ledger.liftPause({ scope: 'tenant', tenant: stage.tenant }, 'me');
  });

  it('in doubt is told how many twins were given up, and hides while anything is under way to its recipient', async () => {
    const stage = await Stage.open(subject(), 'direct-rivals');
    const [one, other] = [stage.message('c'), stage.message('c')];
    const [first, second] = [await claimed(stage, one), await claimed(stage, other)];
    for (const [message, claim] of [
      [one, first],
      [other, second],
    ] as const)
      await stage.ledger.settle([unknown(asClaim(stage, message, claim))]);
    const found = async (u: string) =>
      (await stage.ledger.unknownMessages([stage.own.partition], 500)).filter((message) => message.u === u);
    expect(await found(other.u)).toMatchObject([{ silentRivals: 0 }]);
    await stage.ledger.leaveUndecided(stage.tenant, one.u, 1);
    expect(await found(one.u)).toEqual([]);
    expect(await found(other.u)).toMatchObject([{ silentRivals: 1 }]);
    // From the queue, in another conversation with the same person.
    const queued = await stage.claimed('elsewhere', { recipient: other.recipient });
    expect(await found(other.u)).toEqual([]);
    await stage.ledger.settle([accepted(queued)]);
    expect(await found(other.u)).toHaveLength(1);
  });

  it('is not made while its restaurant is suspended or paused, its number is paused, or to who opted out', async () => {
    const stage = await Stage.open(subject(), 'direct-refusals');
    const message = stage.message('c');
    const { tenant, ledger } = stage;
    for (const target of [{ scope: 'tenant', tenant } as const, senderOf(message)]) {
      await ledger.setPause(target, null, 'audit', 'me');
      expect(await ask(stage, message)).toEqual({ kind: 'paused', until: null });
      await ledger.liftPause(target, 'ops');
    }
    const until = Math.ceil(subject().now()) + 60_000;
    await ledger.setPause({ scope: 'tenant', tenant }, until, 'audit', 'me');
    expect(await ask(stage, message)).toEqual({ kind: 'paused', until });
    await ledger.liftPause({ scope: 'tenant', tenant }, 'ops');

    const claim = await claimed(stage, message);
    const { recipient } = message;
    const address = 'whatsapp:+966501234567';
    const optOut = { kind: 'suppress', tenant, recipient, address, reason: 'x', u: message.u } as const;
    await ledger.settle([{ ...dead(asClaim(stage, message, claim)), effects: [optOut] }]);
    expect(await ask(stage, stage.message('c'))).toEqual({ kind: 'suppressed' });

    const last = stage.message('d');
    const { accountSid, credentials } = await claimed(stage, last);
    const suspend = { kind: 'suspend', tenant, accountSid, credentials, reason: 'x' } as const;
    await refuse(stage, last, { ...claim, slot: 1 }, { effects: [suspend] });
    expect(await ask(stage, stage.message('e'))).toEqual({ kind: 'suspended' });
    expect(await ask(stage, { ...message, tenant: 999_999 })).toEqual({ kind: 'suspended' });
  });

  it('is refused with instants of another epoch of the rate group', async () => {
    const stage = await Stage.open(subject(), 'direct-epoch');
    const rateEpoch = await subject().rateEpoch();
    const message = stage.message('c');
    await expect(
      stage.ledger.claimDirect(message, { ...LIMITS, rateEpoch: rateEpoch + 1 }),
    ).rejects.toMatchObject({ code: 'rate_epoch' });
    expect(await stage.ledger.readMessage(stage.tenant, message.u)).toBeUndefined();
    expect((await stage.ledger.claimDirect(message, { ...LIMITS, rateEpoch })).kind).toBe('claimed');
  });

  it('is settled by a callback, too; the late answer gives the slot back', async () => {
    const stage = await Stage.open(subject(), 'direct-callback', { concurrency: 1 });
    const message = stage.message('c');
    const claim = await claimed(stage, message);
    expect(await deliver(stage, message, claim)).toMatchObject({ attempt: 1, accountSid: claim.accountSid });
    expect(await stage.status(message.u)).toBe('delivered');
    expect(await ask(stage, stage.message('d'))).toEqual({ kind: 'busy', why: 'slots' });
    expect(only(await stage.ledger.settle([sent(message, claim)])).applied).toBe(false);
    expect(await stage.status(message.u)).toBe('delivered');
    expect((await ask(stage, stage.message('d'))).kind).toBe('claimed');
  });

  it('that was refused, and turns out accepted, is', async () => {
    const stage = await Stage.open(subject(), 'direct-refuted');
    const message = stage.message('c');
    const claim = await claimed(stage, message);
    await refuse(stage, message, claim);
    expect(only(await stage.ledger.settle([sent(message, claim)])).applied).toBe(true);
    expect(await stage.status(message.u)).toBe('sent');
  });

  it('made by one of many at once is made once', async () => {
    const stage = await Stage.open(subject(), 'direct-once');
    const message = stage.message('c');
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(stage, message)));
    expect(answers.filter((one) => one.kind === 'claimed')).toHaveLength(1);
    expect(answers.filter((one) => one.kind === 'known')).toHaveLength(19);
  });
}

function ask(stage: Stage, message: NewMessage): Promise<DirectAnswer> {
  return stage.ledger.claimDirect(message, LIMITS);
}

async function claimed(stage: Stage, message: NewMessage): Promise<DirectClaim> {
  const answer = await ask(stage, message);
  if (answer.kind !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(answer)}`);
  return answer.claim;
}

function senderOf({ tenant, sender }: NewMessage) {
  return { scope: 'sender', tenant, sender } as const;
}

type ClaimLike = Parameters<typeof accepted>[0];

function asClaim(stage: Stage, message: NewMessage, claim: DirectClaim): ClaimLike {
  return { ...message, ...claim, tenant: stage.tenant } as unknown as ClaimLike;
}

function sent(message: NewMessage, claim: DirectClaim): Settlement {
  return accepted({ ...message, ...claim } as unknown as ClaimLike);
}

async function refuse(
  stage: Stage,
  message: NewMessage,
  claim: DirectClaim,
  more: Partial<Settlement> = {},
): Promise<void> {
  const settlement = dead(asClaim(stage, message, claim), {
    state: MESSAGE.refused,
    outcome: 'transient',
    errorClass: 'transient',
    event: null,
    ...more,
  });
  expect(only(await stage.ledger.settle([settlement])).applied).toBe(true);
}

/** Reports it delivered; returns what the rule was shown as under way. */
async function deliver(stage: Stage, message: NewMessage, claim: DirectClaim): Promise<unknown> {
  const first = await stage.ledger.admittedOffset(stage.own.partition, 'callbacks');
  let open: unknown;
  const { tenant, u } = message;
  const { attempt, accountSid } = claim;
  await stage.ledger.applyCallbacks(
    stage.own,
    { first, next: first + 1n },
    [{ tenant, u, attempt, accountSid, sid: `SM${u}`, status: 'delivered', receivedAt: stage.subject.now() }],
    (view) => {
      open = view?.open;
      return { kind: 'apply', result: 'x', state: MESSAGE.delivered, event: 'delivered' };
    },
    [],
  );
  return open;
}
