import type { UnknownEntry } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { accepted, only, repeat, Stage, type Subject, unknown } from './subject.js';

export function doubtsKeep(subject: () => Subject): void {
  it('a lease that ends unsettled is unknown, closes its conversation and gives its slot back', async () => {
    const stage = await Stage.open(subject(), 'lease', { concurrency: 1 });
    const claim = only(await stage.claim(await stage.admit(stage.message('c')), { leaseMs: 100 }));
    expect(mine(await stage.ledger.overdueClaims([stage.own.partition]), claim.u)).toEqual([]);
    await subject().later(200);
    const overdue = mine(await stage.ledger.overdueClaims([stage.own.partition]), claim.u);
    expect(overdue).toMatchObject([{ attempt: 1, counted: true, event: 'unknown' }]);
    await stage.ledger.settle(overdue);
    expect(await stage.status(claim.u)).toBe('unknown');
    const found = mine(await stage.ledger.unknownMessages([stage.own.partition], 100), claim.u);
    expect(found).toMatchObject([{ orphaned: true, retries: 1, attempt: 1, accountSid: claim.accountSid }]);
    expect(await stage.claim(await stage.admit(stage.message('d')))).toHaveLength(1);
    expect(await stage.admit(stage.message('c', { priority: 10 }))).toEqual([]);
  });

  it('a late answer still wins, whatever it says', async () => {
    const stage = await Stage.open(subject(), 'late-answer');
    const [a, b] = [await stage.claimed('a'), await stage.claimed('b')];
    await stage.ledger.settle([unknown(a), unknown(b)]);
    const settled = await stage.ledger.settle([accepted(a), repeat(b, subject().now() + 1_000)]);
    expect(settled.map((one) => one.applied)).toEqual([true, true]);
    expect([await stage.status(a.u), await stage.status(b.u)]).toEqual(['sent', 'retrying']);
  });

  it('a second silence changes nothing', async () => {
    const stage = await Stage.open(subject(), 'silence');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([unknown(claim)]);
    expect(only(await stage.ledger.settle([unknown(claim)])).applied).toBe(false);
    expect(await stage.events(claim.u)).toEqual(['queued', 'unknown']);
  });

  it('what can not be decided waits for an operator, and lets its followers go or not', async () => {
    for (const onDead of ['skip', 'hold'] as const) {
      const stage = await Stage.open(subject(), `undecided-${onDead}`, { onDead });
      const claim = await stage.claimed('c');
      const follower = stage.message('c');
      await stage.admit(follower);
      await stage.ledger.settle([unknown(claim)]);
      expect(await stage.ledger.leaveUndecided(stage.tenant, claim.u, 2)).toEqual({ left: false });
      const { left, next } = await stage.ledger.leaveUndecided(stage.tenant, claim.u, 1);
      expect([left, next?.u]).toEqual([true, onDead === 'skip' ? follower.u : undefined]);
      expect(await stage.status(claim.u)).toBe('unknown');
      expect(await stage.events(claim.u)).toEqual(['queued', 'unknown']);
      expect(mine(await stage.ledger.unknownMessages([stage.own.partition], 100), claim.u)).toEqual([]);
      expect(mine(await stage.ledger.listUnknown(stage.tenant, 100), claim.u)).toMatchObject([
        { undecided: true, restaurantId: stage.name, attempt: 1 },
      ]);
      expect(await stage.ledger.leaveUndecided(stage.tenant, claim.u, 1)).toEqual({ left: false });
      expect(await stage.heads()).toEqual(onDead === 'skip' ? [follower.u] : []);
    }
  });

  it('are listed over pages, the longest waiting first, each once', async () => {
    const stage = await Stage.open(subject(), 'unknown-pages');
    const us: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const claim = await stage.claimed(`c${n}`);
      await stage.ledger.settle([unknown(claim)]);
      us.push(claim.u);
      // The last two at one time, where the time is the test's.
      if (n < 3) await subject().later(1);
    }
    const found: UnknownEntry[] = [];
    for (;;) {
      const page = await stage.ledger.listUnknown(stage.tenant, 2, found.at(-1)?.place);
      found.push(...page);
      if (page.length < 2) break;
    }
    expect(found.slice(0, 3).map(({ u }) => u)).toEqual(us.slice(0, 3));
    expect(found.map(({ u }) => u).toSorted()).toEqual(us.toSorted());
    const others = await stage.ledger.listUnknown(null, 100, found.at(-1)?.place);
    expect(others.filter(({ u }) => us.includes(u))).toEqual([]);
  });

  it('an operator says that it was sent', async () => {
    const stage = await Stage.open(subject(), 'resolve-sent');
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    const decided = { sid: 'SMx', by: 'me' };
    expect(await stage.ledger.decideUnknown(stage.tenant, claim.u, 'sent', decided)).toBe(false);
    await stage.ledger.settle([unknown(claim)]);
    expect(await stage.ledger.decideUnknown(stage.tenant, claim.u, 'sent', decided)).toBe(true);
    expect(await stage.ledger.readMessage(stage.tenant, claim.u)).toMatchObject({
      status: 'sent',
      sid: 'SMx',
    });
    expect(await stage.heads()).toEqual([follower.u]);
    expect(await stage.ledger.decideUnknown(stage.tenant, claim.u, 'sent', decided)).toBe(false);
  });

  it('or that it was not: it is tried again, also where its conversation went on', async () => {
    const stage = await Stage.open(subject(), 'resolve-not-sent');
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    await stage.ledger.settle([unknown(claim)]);
    await stage.ledger.leaveUndecided(stage.tenant, claim.u, 1);
    const decided = { by: 'me' };
    expect(await stage.ledger.decideUnknown(stage.tenant, claim.u, 'not_sent', decided)).toBe(true);
    expect(await stage.status(claim.u)).toBe('retrying');
    expect(await stage.events(claim.u)).toEqual(['queued', 'unknown', 'retrying']);
    // It was accepted before its follower, so it goes first again.
    expect(await stage.retry(claim.u, 1)).toEqual([claim.u]);
    expect(await stage.heads()).toEqual([claim.u]);
  });

  it('or gives it up', async () => {
    const stage = await Stage.open(subject(), 'resolve-dead');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([unknown(claim)]);
    const decided = { by: 'me' };
    expect(await stage.ledger.decideUnknown(stage.tenant, claim.u, 'dead', decided)).toBe(true);
    expect(await stage.status(claim.u)).toBe('dead');
    expect(await stage.events(claim.u)).toEqual(['queued', 'unknown', 'dead']);
    expect(await stage.admit(stage.message('c'))).toHaveLength(1);
  });

  it('a retry that comes back waits behind what is sending, and passes no higher priority', async () => {
    const stage = await Stage.open(subject(), 'by-rank');
    const claim = await stage.claimed('c');
    await stage.admit(stage.message('c', { priority: 9 }));
    await stage.ledger.settle([unknown(claim)]);
    const { next } = await stage.ledger.leaveUndecided(stage.tenant, claim.u, 1);
    await stage.ledger.decideUnknown(stage.tenant, claim.u, 'not_sent', { by: 'me' });
    expect(await stage.retry(claim.u, 1)).toEqual([]);
    const second = only(await stage.claim([next as never]));
    expect((await stage.ledger.settle([accepted(second)]))[0]?.next?.u).toBe(claim.u);
  });

  it('knows the SIDs of its settled messages', async () => {
    const stage = await Stage.open(subject(), 'sids');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([accepted(claim, { sid: 'SMknown' })]);
    const known = await stage.ledger.knownSids(stage.tenant, ['SMknown', 'SMother']);
    expect([...known]).toEqual(['SMknown']);
  });

  it('publishes a retry again whose record never came back', async () => {
    const stage = await Stage.open(subject(), 'stuck');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([repeat(claim, subject().now() - 61_000)]);
    expect(await stage.ledger.republishStuckRetries([stage.own.partition])).toBeGreaterThan(0);
    expect(await stage.events(claim.u)).toEqual(['queued', 'retrying', 'retrying']);
    await stage.ledger.republishStuckRetries([stage.own.partition]);
    expect(await stage.events(claim.u)).toHaveLength(3);
  });
}

function mine<T extends { readonly u: string }>(all: readonly T[], u: string): T[] {
  return all.filter((one) => one.u === u);
}
