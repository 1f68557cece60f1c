import type { DeadLetter, DeadPage } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { accepted, dead, only, repeat, Stage, type Subject, TRACEPARENT, unknown } from './subject.js';

export function deadLettersKeep(subject: () => Subject): void {
  const died = async (stage: Stage, conversation: string, more: Parameters<typeof dead>[1] = {}) => {
    const claim = await stage.claimed(conversation);
    await stage.ledger.settle([dead(claim, more)]);
    return claim;
  };
  const pages = async (
    stage: Stage,
    filter: Parameters<Stage['ledger']['listDead']>[0],
    order: DeadPage['order'],
    most = 2,
  ): Promise<DeadLetter[]> => {
    const all: DeadLetter[] = [];
    for (;;) {
      const after = all.at(-1)?.place;
      const page = await stage.ledger.listDead({ tenant: stage.tenant, ...filter }, { most, order, after });
      all.push(...page);
      if (page.length < most) return all;
    }
  };

  it('are listed over pages, newest or oldest first, each once', async () => {
    const stage = await Stage.open(subject(), 'dead-pages');
    const us: string[] = [];
    for (let n = 0; n < 5; n += 1) us.push((await died(stage, `c${n}`)).u);
    expect((await pages(stage, {}, 'oldest')).map(({ u }) => u)).toEqual(us);
    expect((await pages(stage, {}, 'newest')).map(({ u }) => u)).toEqual(us.toReversed());
    const [letter] = await stage.ledger.listDead({ us: [us[1] as string] }, { most: 9, order: 'newest' });
    expect(letter).toMatchObject({
      kind: 'message',
      restaurantId: 'dead-pages',
      reason: 'provider_rejected',
      errorClass: 'rejected',
      attempts: 1,
      redrive: 0,
      priority: 5,
      refusal: null,
      record: null,
      traceparent: TRACEPARENT,
    });
  });

  it('are found by code, reason, class and time, and counted by them', async () => {
    const stage = await Stage.open(subject(), 'dead-filters');
    const window = await died(stage, 'a', { errorCode: 63016, errorClass: 'content' });
    await subject().later(5);
    const between = subject().now();
    await subject().later(5);
    const optedOut = await died(stage, 'b', {
      errorCode: 21610,
      errorClass: 'opted_out',
      detail: { reason: 'opted_out' },
    });
    const found = async (filter: Parameters<Stage['ledger']['listDead']>[0]) =>
      (await pages(stage, filter, 'newest')).map(({ u }) => u);
    expect(await found({ code: '63016' })).toEqual([window.u]);
    expect(await found({ code: 'opted_out' })).toEqual([optedOut.u]);
    expect(await found({ code: 'content' })).toEqual([window.u]);
    expect(await found({ code: '1' })).toEqual([]);
    expect(await found({ from: between })).toEqual([optedOut.u]);
    expect(await found({ to: between })).toEqual([window.u]);
    const groups = await stage.ledger.countDead({ tenant: stage.tenant });
    expect(groups.map(({ reason, errorCode, letters }) => [reason, errorCode, letters])).toEqual(
      expect.arrayContaining([
        ['provider_rejected', 63016, 1],
        ['opted_out', 21610, 1],
      ]),
    );
  });

  it('that are records stay known by their place once the topic has them, and are never messages', async () => {
    const stage = await Stage.open(subject(), 'dead-records');
    const { partition } = stage.own;
    const first = await stage.ledger.admittedOffset(partition, 'send');
    const record = {
      topic: 'send' as const,
      offset: first,
      reason: 'undecodable',
      key: Buffer.from('dead-records'),
      value: Buffer.from('{"no'),
      headers: { ce_type: 'mersal.send.requested.v1' },
    };
    await stage.ledger.admitSends(stage.own, { first, next: first + 1n }, [], [record]);
    expect(await pages(stage, {}, 'newest')).toEqual([]);
    const waiting = (await stage.ledger.readDeadRecords([partition], 100)).filter(
      ({ offset }) => offset === String(first),
    );
    await stage.ledger.forgetDeadRecords(waiting.map(({ n }) => n));
    expect((await stage.ledger.readDeadRecords([partition], 100)).length).toBe(0);
    const letter = only(await pages(stage, {}, 'newest'));
    expect(letter).toMatchObject({
      kind: 'record',
      restaurantId: 'dead-records',
      tag: null,
      reason: 'undecodable',
      refusal: 'unfiled',
      record: {
        partition,
        topic: 'send',
        offset: String(first),
        event: 'mersal.send.requested.v1',
        bytes: 4,
      },
    });
    expect(await stage.ledger.discardDead([letter])).toBe(1);
    expect(await stage.ledger.discardDead([letter])).toBe(0);
    expect(await pages(stage, {}, 'newest')).toEqual([]);
  });

  it('are put back once, however often that is asked for', async () => {
    const stage = await Stage.open(subject(), 'redrive-once');
    const claim = await died(stage, 'c');
    expect(await stage.redrive(claim.u)).toEqual([claim.u]);
    expect(await stage.redrive(claim.u)).toEqual([]);
    expect(await pages(stage, {}, 'newest')).toEqual([]);
    const again = only(await stage.claim([claim]));
    expect(again).toMatchObject({ attempt: 2, redrive: 1, retries: 0 });
    await stage.ledger.settle([dead(again)]);
    // A record of the first redrive that comes late.
    expect(await stage.redrive(claim.u)).toEqual([]);
    expect(await stage.redrive(claim.u, 1)).toEqual([claim.u]);
    expect(await stage.events(claim.u)).toEqual(['queued', 'dead', 'queued', 'dead', 'queued']);
  });

  it('of one conversation come back behind what it has, in the order in which they were asked for', async () => {
    const stage = await Stage.open(subject(), 'redrive-order');
    const claims = [];
    for (let n = 0; n < 6; n += 1) claims.push(await died(stage, 'c'));
    const waiting = stage.message('c');
    await stage.admit(waiting);
    // Neither the order of their ids nor of their death.
    const wanted = claims.map(({ u }) => u).toSorted((a, b) => (a < b ? 1 : -1));
    expect(wanted).not.toEqual(claims.map(({ u }) => u));
    await stage.redriveAll(wanted.map((u) => ({ u })));
    const order: string[] = [];
    for (;;) {
      const head = (await stage.heads())[0];
      if (head === undefined) break;
      order.push(head);
      await stage.ledger.settle([accepted(only(await stage.claim([stage.candidate('c', head)])))]);
    }
    expect(order).toEqual([waiting.u, ...wanted]);
  });

  it('come back with the priority that is asked for, except where their conversation waits for them', async () => {
    const stage = await Stage.open(subject(), 'redrive-priority');
    const claim = await died(stage, 'c');
    await stage.redriveAll([{ u: claim.u, priority: 0 }]);
    const live = stage.message('c', { priority: 1 });
    await stage.admit(live);
    expect(await stage.heads()).toEqual([live.u]);
    const held = await Stage.open(subject(), 'redrive-priority-held', { onDead: 'hold' });
    const first = await died(held, 'c');
    await held.admit(held.message('c'));
    await held.redriveAll([{ u: first.u, priority: 0 }]);
    expect(await held.heads()).toEqual([first.u]);
  });

  it('have as long as a new message after a redrive', async () => {
    const stage = await Stage.open(subject(), 'redrive-age');
    const accepted = subject().now() - 86_400_000;
    const claim = await stage.claimed('c', { acceptedAt: accepted });
    expect(Math.abs(claim.acceptedAt - accepted)).toBeLessThan(2);
    await stage.ledger.settle([dead(claim)]);
    await stage.redrive(claim.u);
    const again = only(await stage.claim([claim]));
    expect(again.acceptedAt).toBeGreaterThan(accepted + 86_000_000);
    await stage.ledger.settle([unknown(again)]);
    const doubted = (await stage.ledger.unknownMessages([stage.own.partition], 500)).find(
      ({ u }) => u === claim.u,
    );
    expect(doubted?.acceptedAt).toBe(again.acceptedAt);
    expect((await stage.ledger.readMessage(stage.tenant, claim.u))?.acceptedAt).toBe(Math.round(accepted));
  });

  it('that may have been sent are not put back', async () => {
    const stage = await Stage.open(subject(), 'redrive-doubt');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([unknown(claim)]);
    await stage.ledger.leaveUndecided(stage.tenant, claim.u, 1);
    await stage.ledger.decideUnknown(stage.tenant, claim.u, 'dead', { by: 'me' });
    expect(only(await pages(stage, {}, 'newest'))).toMatchObject({
      reason: 'by_operator',
      refusal: 'outcome_unknown',
    });
    expect(await stage.redrive(claim.u)).toEqual([]);
    expect(await stage.status(claim.u)).toBe('dead');
  });

  it('that turn out to be sent are no dead letters any more, and not put back', async () => {
    const stage = await Stage.open(subject(), 'redrive-sent');
    const claim = await died(stage, 'c');
    await stage.ledger.settle([accepted(claim)]);
    expect(await pages(stage, {}, 'newest')).toEqual([]);
    expect(await stage.redrive(claim.u)).toEqual([]);
    expect(await stage.status(claim.u)).toBe('sent');
  });

  it('past their expiry are told so', async () => {
    const stage = await Stage.open(subject(), 'redrive-expired');
    const claim = await stage.claimed('c', { expiresAt: subject().now() + 100 });
    await stage.ledger.settle([dead(claim)]);
    await subject().later(150);
    expect(only(await pages(stage, {}, 'newest')).refusal).toBe('past_expiry');
  });

  it('that are put away stay dead, are not put back, and let their conversation go on', async () => {
    const stage = await Stage.open(subject(), 'discard', { onDead: 'hold' });
    const claim = await died(stage, 'c');
    const follower = stage.message('c');
    await stage.admit(follower);
    expect(await stage.heads()).toEqual([]);
    const letter = only(await pages(stage, {}, 'newest'));
    expect(await stage.ledger.discardDead([letter])).toBe(1);
    expect(await stage.ledger.discardDead([letter])).toBe(0);
    expect(await stage.heads()).toEqual([follower.u]);
    expect(await pages(stage, {}, 'newest')).toEqual([]);
    expect(await stage.redrive(claim.u)).toEqual([]);
    expect(await stage.status(claim.u)).toBe('dead');
  });

  it('are not put away once they were put back', async () => {
    const stage = await Stage.open(subject(), 'discard-late');
    const claim = await died(stage, 'c');
    const letter = only(await pages(stage, {}, 'newest'));
    await stage.redrive(claim.u);
    expect(await stage.ledger.discardDead([letter])).toBe(0);
    expect(await stage.status(claim.u)).toBe('queued');
  });

  it('states are told in the order that was asked for', async () => {
    const stage = await Stage.open(subject(), 'states');
    const sent = await stage.claimed('a');
    await stage.ledger.settle([accepted(sent)]);
    const gone = await died(stage, 'b');
    const waiting = stage.message('c');
    await stage.admit(waiting);
    const us = [waiting.u, gone.u, stage.message('d').u, sent.u];
    expect(await stage.ledger.statesOf(us.map((u) => ({ tenant: stage.tenant, u })))).toEqual([
      'waiting',
      'dead',
      undefined,
      'sent',
    ]);
    expect(await stage.ledger.statesOf([])).toEqual([]);
  });

  it('what does not move is told with its reason', async () => {
    const stage = await Stage.open(subject(), 'not-moving', { onDead: 'hold' });
    const waits = stage.message('a');
    await stage.admit(waits);
    const held = await died(stage, 'b');
    const sending = await stage.claimed('c');
    const doubted = await stage.claimed('d');
    await stage.ledger.settle([unknown(doubted)]);
    const missing = await stage.claimed('e');
    await stage.ledger.settle([repeat(missing, subject().now() - 1_000)]);
    const retrying = await stage.claimed('f');
    await stage.ledger.settle([repeat(retrying, subject().now() + 60_000)]);
    const backingOff = await stage.claimed('g');
    await stage.ledger.settle([repeat(backingOff, subject().now())]);
    await stage.retry(backingOff.u, 1, subject().now() + 60_000);
    await subject().later(50);
    const told = async (): Promise<Map<string, string>> =>
      new Map((await stage.ledger.listStuck(stage.tenant, 20, 100)).map(({ u, reason }) => [u, reason]));
    expect(await told()).toEqual(
      new Map([
        [waits.u, 'turn'],
        [held.u, 'behind_dead'],
        [sending.u, 'sending'],
        [doubted.u, 'outcome_unknown'],
        [missing.u, 'retry_missing'],
        [retrying.u, 'retry'],
        [backingOff.u, 'retry'],
      ]),
    );
    expect(await stage.ledger.listStuck(stage.tenant, 60_000, 100)).toEqual([]);
    await stage.ledger.leaveUndecided(stage.tenant, doubted.u, 1);
    await stage.ledger.setPause({ scope: 'tenant', tenant: stage.tenant }, null, 'test', 'me');
    await subject().later(50);
    const paused = await told();
    expect([paused.get(waits.u), paused.get(doubted.u)]).toEqual(['paused', 'undecided']);
  });

  it('a retry that waits is due at once where somebody asks for it', async () => {
    const stage = await Stage.open(subject(), 'retry-now');
    const waits = await stage.claimed('a');
    await stage.ledger.settle([repeat(waits, subject().now())]);
    await stage.retry(waits.u, 1, subject().now() + 600_000);
    expect(await stage.heads()).toEqual([]);
    expect(await stage.ledger.retryNow(stage.tenant, waits.u)).toBe(true);
    await subject().later(5);
    expect((await stage.ledger.wake([stage.own], 100)).map(({ u }) => u)).toContain(waits.u);
    expect(await stage.ledger.retryNow(stage.tenant, waits.u)).toBe(false);
    const missing = await stage.claimed('b');
    await stage.ledger.settle([repeat(missing, subject().now() + 600_000)]);
    expect(await stage.ledger.retryNow(stage.tenant, missing.u)).toBe(true);
    expect(await stage.events(missing.u)).toEqual(['queued', 'retrying', 'retrying']);
    const sent = await stage.claimed('c');
    await stage.ledger.settle([accepted(sent)]);
    expect(await stage.ledger.retryNow(stage.tenant, sent.u)).toBe(false);
  });
}
