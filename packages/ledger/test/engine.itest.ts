import { LANE, laneOf, MESSAGE, readTenants, recipientOf, UNDECIDED } from '@mersal/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  admit,
  claimOf,
  type Fixture,
  keys,
  newMessage,
  openFixture,
  retryLater,
  settlement,
} from './ledger-fixture.js';

const LIMITS = { leaseMs: 20_000, concurrency: 5 };
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

let names = 0;
async function owned(onDead: 'skip' | 'hold' = 'skip') {
  names += 1;
  const restaurantId = `engine-${names}`;
  const { id: tenant, partition } = await fixture.tenant(restaurantId);
  await fixture.database.run({
    name: 'set-on-dead',
    text: 'update tenant set on_dead = $2 where id = $1',
    values: [tenant, onDead],
  });
  const own = await fixture.ledger.takeOwnership(partition, 'test');
  return { ledger: fixture.ledger, tenant, own, restaurantId };
}

const lane = async (tenant: number) =>
  (
    await fixture.database.run({
      name: 'test-lane',
      text: 'select state, head, due::text as due from lane where tenant = $1',
      values: [tenant],
    })
  )[0];
const deadBy = { state: MESSAGE.dead, sid: undefined, outcome: 'recipient', event: 'dead' } as const;
const unknownBy = {
  state: MESSAGE.unknown,
  onward: LANE.unknown,
  sid: undefined,
  outcome: 'ambiguous',
  event: 'unknown',
} as const;

describe('claims over several partitions', () => {
  it('are one transaction; what somebody else owns is told and left alone', async () => {
    const a = await owned();
    let b = await owned();
    while (b.own.partition === a.own.partition) b = await owned();
    const mine = await fixture.ledger.takeOwnership(a.own.partition, 'newer');
    const [headA] = await admit(a.ledger, mine, [newMessage(a.tenant, 'c1')]);
    const [headB] = await admit(b.ledger, b.own, [newMessage(b.tenant, 'c1')]);
    const stale = await a.ledger.claim([a.own, b.own], [headA!, headB!], LIMITS);
    expect(stale.fenced).toEqual([a.own.partition]);
    expect(stale.claims.map((claim) => claim.tenant)).toEqual([b.tenant]);
    expect((await a.ledger.claim([mine, b.own], [headA!], LIMITS)).claims).toHaveLength(1);
  });
  it('a limit that shrinks counts the requests under way beyond it', async () => {
    const { ledger, tenant, own } = await owned();
    const heads = await admit(
      ledger,
      own,
      ['a', 'b', 'c', 'd', 'e'].map((c) => newMessage(tenant, c)),
    );
    const first = await claimOf(ledger, own, heads.slice(0, 3), LIMITS);
    await ledger.settle([settlement(first[0]!)]);
    // Two are under way: of a limit of two none is left, whichever slots they hold.
    expect(await claimOf(ledger, own, heads.slice(3), { ...LIMITS, concurrency: 2 })).toEqual([]);
    expect(await claimOf(ledger, own, heads.slice(3), { ...LIMITS, concurrency: 3 })).toHaveLength(1);
  });
});

describe('dead letters and what follows them', () => {
  it('the conversation goes on, or waits for an operator where the restaurant chose so', async () => {
    const skip = await owned('skip');
    const [one] = await admit(skip.ledger, skip.own, [
      newMessage(skip.tenant, 'c'),
      newMessage(skip.tenant, 'c'),
    ]);
    const [claim] = await claimOf(skip.ledger, skip.own, [one!], LIMITS);
    expect((await skip.ledger.settle([settlement(claim!, deadBy)]))[0]?.next).toBeDefined();

    const hold = await owned('hold');
    const follower = newMessage(hold.tenant, 'c');
    const [head] = await admit(hold.ledger, hold.own, [newMessage(hold.tenant, 'c'), follower]);
    const [held] = await claimOf(hold.ledger, hold.own, [head!], LIMITS);
    const [settled] = await hold.ledger.settle([settlement(held!, deadBy)]);
    expect(settled).toMatchObject({ applied: true });
    expect(settled?.next).toBeUndefined();
    expect((await hold.ledger.readMessage(hold.tenant, follower.u))?.status).toBe('held');
    expect(await hold.ledger.releaseHeld(hold.tenant, head!.u)).toMatchObject({ u: follower.u });
    expect(await hold.ledger.releaseHeld(hold.tenant, head!.u)).toBeNull();
  });
  it('a redrive goes first where the conversation was held for it', async () => {
    const { ledger, tenant, own } = await owned('hold');
    const [head] = await admit(ledger, own, [newMessage(tenant, 'c'), newMessage(tenant, 'c')]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    await ledger.settle([settlement(claim!, deadBy)]);
    const at = await ledger.admittedOffset(own.partition, 'retry');
    const heads = await ledger.admitRetries(
      own,
      { first: at, next: at + 1n },
      [],
      [{ tenant, u: head!.u, redrive: 0 }],
      [],
    );
    expect(heads).toMatchObject([{ u: head!.u }]);
    expect(await claimOf(ledger, own, heads, LIMITS)).toMatchObject([{ u: head!.u, redrive: 1, attempt: 2 }]);
  });
});

describe('proofs of acceptance', () => {
  it('a late answer with a SID cancels the retry that its attempt was thought to need', async () => {
    const { ledger, tenant, own } = await owned();
    const [head] = await admit(ledger, own, [newMessage(tenant, 'c')]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    await ledger.settle([retryLater(claim!, Date.now())]);
    expect(await ledger.settle([settlement(claim!)])).toMatchObject([{ applied: true }]);
    expect((await ledger.readMessage(tenant, head!.u))?.status).toBe('sent');
    const at = await ledger.admittedOffset(own.partition, 'retry');
    const retry = { tenant, u: head!.u, redrive: 0, attempt: 1, notBefore: Date.now() };
    expect(await ledger.admitRetries(own, { first: at, next: at + 1n }, [retry], [], [])).toEqual([]);
    expect(await lane(tenant)).toBeUndefined();
  });
  it('does nothing while a newer attempt is under way', async () => {
    const { ledger, tenant, own } = await owned();
    const [head] = await admit(ledger, own, [newMessage(tenant, 'c')]);
    const [first] = await claimOf(ledger, own, [head!], LIMITS);
    await ledger.settle([retryLater(first!, Date.now())]);
    const at = await ledger.admittedOffset(own.partition, 'retry');
    const retry = { tenant, u: head!.u, redrive: 0, attempt: 1, notBefore: Date.now() };
    const heads = await ledger.admitRetries(own, { first: at, next: at + 1n }, [retry], [], []);
    const [second] = await claimOf(ledger, own, heads, LIMITS);
    expect(await ledger.settle([settlement(first!)])).toMatchObject([{ applied: false }]);
    expect(await ledger.settle([settlement(second!)])).toMatchObject([{ applied: true }]);
  });
});

describe('undecided outcomes', () => {
  it('let their conversation go on, and an operator decides once', async () => {
    const { ledger, tenant, own } = await owned();
    const follower = newMessage(tenant, 'c');
    const [head] = await admit(ledger, own, [newMessage(tenant, 'c'), follower]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    await ledger.settle([settlement(claim!, unknownBy)]);
    const left = await ledger.leaveUndecided(tenant, head!.u, 1);
    expect(left).toMatchObject({ left: true, next: { u: follower.u } });
    expect(await ledger.leaveUndecided(tenant, head!.u, 1)).toEqual({ left: false });
    expect(await ledger.listUnknown(tenant, 10)).toMatchObject([{ u: head!.u, undecided: true, attempt: 1 }]);
    expect((await ledger.counts()).undecided).toBe(1);
    expect(await ledger.decideUnknown(tenant, head!.u, 'not_sent', { by: 'ops' })).toBe(true);
    expect(await ledger.decideUnknown(tenant, head!.u, 'sent', { by: 'ops' })).toBe(false);

    // It ranks before its follower, which nobody claimed yet: its retry enters at the conversation's head.
    const at = await ledger.admittedOffset(own.partition, 'retry');
    const retry = { tenant, u: head!.u, redrive: 0, attempt: 1, notBefore: Date.now() };
    expect(await ledger.admitRetries(own, { first: at, next: at + 1n }, [retry], [], [])).toMatchObject([
      { u: head!.u },
    ]);
    const [again] = await claimOf(ledger, own, [head!], LIMITS);
    expect(again).toMatchObject({ attempt: 2, lastError: null });
    expect((await ledger.settle([settlement(again!)]))[0]?.next?.u).toBe(follower.u);
  });
  it('hold it where the restaurant chose so', async () => {
    const { ledger, tenant, own } = await owned('hold');
    const follower = newMessage(tenant, 'c');
    const [head] = await admit(ledger, own, [newMessage(tenant, 'c'), follower]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    await ledger.settle([settlement(claim!, unknownBy)]);
    expect(await ledger.leaveUndecided(tenant, head!.u, 1)).toEqual({ left: true });
    expect((await ledger.readMessage(tenant, follower.u))?.status).toBe('held');
    expect((await ledger.readMessage(tenant, head!.u))?.error?.class).toBe(UNDECIDED);
    expect(await ledger.decideUnknown(tenant, head!.u, 'dead', { by: 'ops' })).toBe(true);
    expect((await ledger.refill([{ tenant, partition: own.partition }], 8)).map((h) => h.u)).toEqual([
      follower.u,
    ]);
  });
});

describe('pauses', () => {
  it("of a number puts its conversations to sleep until it is over, and no others'", async () => {
    const { ledger, tenant, own } = await owned();
    const heads = await admit(ledger, own, [
      newMessage(tenant, 'a', { sender: 'whatsapp:+14155550001' }),
      newMessage(tenant, 'b', { sender: 'whatsapp:+14155550002' }),
    ]);
    const target = { scope: 'sender', tenant, sender: 'whatsapp:+14155550001' } as const;
    await ledger.setPause(target, null, 'asked for', 'ops');
    expect(await claimOf(ledger, own, heads, LIMITS)).toMatchObject([{ sender: 'whatsapp:+14155550002' }]);
    expect(await ledger.refill([{ tenant, partition: own.partition }], 8)).toEqual([]);
    expect(await ledger.readPauses()).toMatchObject([{ target, until: Number.POSITIVE_INFINITY, by: 'ops' }]);
    expect(await ledger.liftPause(target, 'ops')).toBe(true);
    expect(await ledger.liftPause(target, 'ops')).toBe(false);
    const [awake] = await ledger
      .wake([own], 10)
      .then(() => ledger.refill([{ tenant, partition: own.partition }], 8));
    expect(awake).toMatchObject({ u: heads[0]!.u });
    expect(await claimOf(ledger, own, [awake!], LIMITS)).toHaveLength(1);
  });
  it('of a restaurant and of everything refuse all claims', async () => {
    const { ledger, tenant, own, restaurantId } = await owned();
    const [head] = await admit(ledger, own, [newMessage(tenant, 'a')]);
    for (const target of [{ scope: 'tenant', tenant }, { scope: 'all' }] as const) {
      await ledger.setPause(target, Date.now() + 3_600_000, 'stop', 'ops');
      expect(await claimOf(ledger, own, [head!], LIMITS)).toEqual([]);
      const [known] = await readTenants(fixture.database, keys, [restaurantId]);
      if (target.scope === 'tenant') expect(known?.pausedUntil).toBeGreaterThan(Date.now());
      await ledger.liftPause(target, 'ops');
    }
    expect(await claimOf(ledger, own, [head!], LIMITS)).toHaveLength(1);
  });
  it('asked for by the provider double when they follow on one another, up to the longest', async () => {
    const { ledger, tenant, own } = await owned();
    const spans: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const [head] = await admit(ledger, own, [newMessage(tenant, `c${round}`)]);
      const [claim] = await claimOf(ledger, own, [head!], LIMITS);
      const pause = {
        kind: 'pause',
        tenant,
        sender: null,
        minMs: 60_000,
        maxMs: 200_000,
        reason: '63038',
      } as const;
      await ledger.settle([{ ...retryLater(claim!, Date.now()), effects: [pause, pause] }]);
      const [running] = await ledger.readPauses();
      spans.push(Math.round((running!.until - running!.begunAt) / 1_000));
      await fixture.database.run({
        name: 'test-end-pause',
        text: "update pause set until = clock_timestamp() - interval '1 s'",
        values: [],
      });
    }
    expect(spans).toEqual([60, 120, 200, 200]);
  });
});

describe('opt-outs', () => {
  it('mark claims of that recipient at that restaurant until they are lifted', async () => {
    const { ledger, tenant, own } = await owned();
    const address = 'whatsapp:+966500000001';
    const recipient = recipientOf(address);
    const [head] = await admit(ledger, own, [newMessage(tenant, 'a', { recipient })]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    expect(claim?.suppressed).toBe(false);
    const effect = { kind: 'suppress', tenant, recipient, address, reason: '21610', u: head!.u } as const;
    await ledger.settle([{ ...settlement(claim!, deadBy), effects: [effect] }]);
    const heads = await admit(ledger, own, [newMessage(tenant, 'b', { recipient }), newMessage(tenant, 'c')]);
    const claims = await claimOf(ledger, own, heads, LIMITS);
    expect(claims).toHaveLength(2);
    expect(claims.filter((one) => one.suppressed)).toMatchObject([
      { u: heads.find((one) => one.lane === laneOf('b'))?.u },
    ]);
    expect(await ledger.listSuppressions(tenant, 10)).toMatchObject([
      { recipient, address, reason: '21610' },
    ]);
    expect(await ledger.liftSuppression(tenant, recipient, 'ops')).toBe(true);
    const [later] = await admit(ledger, own, [newMessage(tenant, 'd', { recipient })]);
    expect(await claimOf(ledger, own, [later!], LIMITS)).toMatchObject([{ suppressed: false }]);
  });
});

describe('failures that are reported later', () => {
  const failed = (tenant: number, u: string, sid: string) => ({
    tenant,
    u,
    attempt: 1,
    accountSid: `AC${'0'.repeat(32)}`,
    sid,
    status: 'undelivered',
    errorCode: 63018,
    receivedAt: Date.now(),
  });
  it('are tried again through their retry, and the first SID proves nothing any more', async () => {
    const { ledger, tenant, own } = await owned();
    const [head] = await admit(ledger, own, [newMessage(tenant, 'c')]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    const done = settlement(claim!);
    await ledger.settle([done]);
    const at = await ledger.admittedOffset(own.partition, 'callbacks');
    const due = Date.now();
    await ledger.applyCallbacks(
      own,
      { first: at, next: at + 1n },
      [failed(tenant, head!.u, done.sid!)],
      (view) => {
        expect(view).toMatchObject({ retries: 1, state: MESSAGE.sent });
        return {
          kind: 'apply',
          result: 'again',
          state: MESSAGE.retrying,
          event: 'retrying',
          errorClass: 'paused',
          retry: { due, counted: false },
        };
      },
      [],
    );
    expect(await ledger.readMessage(tenant, head!.u)).toMatchObject({
      status: 'retrying',
      sid: null,
      error: { class: 'paused', code: 63018 },
    });
    // Its late answer must not make it sent again.
    expect(await ledger.settle([done])).toMatchObject([{ applied: false }]);
    const retryAt = await ledger.admittedOffset(own.partition, 'retry');
    const retry = { tenant, u: head!.u, redrive: 0, attempt: 1, notBefore: due };
    const heads = await ledger.admitRetries(own, { first: retryAt, next: retryAt + 1n }, [retry], [], []);
    expect(await claimOf(ledger, own, heads, LIMITS)).toMatchObject([{ attempt: 2, lastError: 'paused' }]);
  });
});

describe('handing over', () => {
  it('tells the next owner whether the one before ended in order', async () => {
    const { ledger, own } = await owned();
    const second = await ledger.takeOwnership(own.partition, 'second');
    expect(second.clean).toBe(false);
    await ledger.giveBack(own);
    expect((await ledger.takeOwnership(own.partition, 'third')).clean).toBe(false);
    const third = await ledger.takeOwnership(own.partition, 'fourth');
    await ledger.giveBack(third);
    expect((await ledger.takeOwnership(own.partition, 'fifth')).clean).toBe(true);
  });
  it('notes ranges until they are admitted', async () => {
    const { ledger, tenant, own } = await owned();
    const careful = await ledger.takeOwnership(own.partition, 'careful');
    const at = await ledger.admittedOffset(own.partition, 'send');
    expect(await ledger.noteRange(careful, 'send', at, false, 'a')).toBe(1);
    expect(await ledger.noteRange(careful, 'send', at, false, 'b')).toBe(2);
    expect(await ledger.noteRange(careful, 'send', at, true, 'b')).toBe(1);
    await admit(ledger, careful, [newMessage(tenant, 'c')]);
    expect(await ledger.noteRange(careful, 'send', at, false, 'c')).toBe(1);
  });
});

describe('retention', () => {
  it('erases what is final and old, and forgets its id only later', async () => {
    const { ledger, tenant, own } = await owned();
    const message = newMessage(tenant, 'c');
    const heads = await admit(ledger, own, [message, newMessage(tenant, 'd')]);
    const [claim] = await claimOf(
      ledger,
      own,
      heads.filter((head) => head.u === message.u),
      LIMITS,
    );
    await ledger.settle([settlement(claim!)]);
    await fixture.database.run({
      name: 'test-age',
      text: `update message set accepted_at = accepted_at - interval '40 d', changed_at = changed_at - interval '40 d' where tenant = $1`,
      values: [tenant],
    });
    const day = 86_400_000;
    expect(await ledger.prune({ detailMs: 30 * day, idMs: 60 * day }, 100)).toBe(1);
    expect(await ledger.readMessage(tenant, message.u)).toMatchObject({
      status: 'sent',
      record: null,
      attempts: [],
    });
    // A replay of its record finds the id taken.
    await admit(ledger, own, [message]);
    expect(await ledger.refill([{ tenant, partition: own.partition }], 8)).toHaveLength(1);
    expect(await ledger.prune({ detailMs: 30 * day, idMs: 35 * day }, 100)).toBe(1);
    expect(await ledger.readMessage(tenant, message.u)).toBeUndefined();
  });
});

describe('vitals', () => {
  it('tell the oldest head that may go and what is unknown; a paused restaurant has none', async () => {
    const { ledger, tenant, own } = await owned();
    const partitions = [own.partition];
    const before = await ledger.readVitals(partitions);
    await admit(ledger, own, [newMessage(tenant, 'c', { acceptedAt: Date.now() - 3_600_000 })]);
    expect((await ledger.readVitals(partitions)).oldestHeadMs).toBeGreaterThanOrEqual(3_600_000);
    await ledger.setPause({ scope: 'tenant', tenant }, null, 'stop', 'ops');
    const paused = (await ledger.readVitals(partitions)).oldestHeadMs;
    expect(paused ?? 0).toBeLessThan(3_600_000);
    await ledger.liftPause({ scope: 'tenant', tenant }, 'ops');
    const [head] = await ledger.refill([{ tenant, partition: own.partition }], 8);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    await ledger.settle([settlement(claim!, unknownBy)]);
    await ledger.leaveUndecided(tenant, head!.u, 1);
    expect(await ledger.readVitals(partitions)).toMatchObject({
      unknown: before.unknown + 1,
      undecided: before.undecided + 1,
    });
  });
});
