import { MESSAGE } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { accepted, dead, only, released, repeat, Stage, type Subject, unknown } from './subject.js';

export function settlementsKeep(subject: () => Subject): void {
  it('end a message, free its slot and let the next one go', async () => {
    const stage = await Stage.open(subject(), 'advance', { concurrency: 1 });
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    const settled = only(await stage.ledger.settle([accepted(claim)]));
    expect(settled).toMatchObject({ applied: true, next: { u: follower.u } });
    expect(await stage.ledger.readMessage(stage.tenant, claim.u)).toMatchObject({
      status: 'sent',
      sid: `SM${claim.u}`,
      attempts: [{ attempt: 1, outcome: 'accepted', httpStatus: 201 }],
    });
    expect(await stage.events(claim.u)).toEqual(['queued', 'sent']);
    expect(await stage.claim([settled.next as never])).toHaveLength(1);
  });

  it('are carried out once', async () => {
    const stage = await Stage.open(subject(), 'once-settled');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([accepted(claim)]);
    expect(only(await stage.ledger.settle([accepted(claim)])).applied).toBe(false);
    expect(only(await stage.ledger.settle([unknown(claim)])).applied).toBe(false);
    expect(await stage.events(claim.u)).toEqual(['queued', 'sent']);
    expect(await stage.status(claim.u)).toBe('sent');
  });

  it('count from a former owner, too', async () => {
    const stage = await Stage.open(subject(), 'former-settles');
    const claim = await stage.claimed('c');
    await stage.ledger.takeOwnership(stage.own.partition, 'other');
    expect(only(await stage.ledger.settle([accepted(claim)])).applied).toBe(true);
  });

  it('of a request never written open the conversation again, and use nothing up', async () => {
    const stage = await Stage.open(subject(), 'released');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([released(claim)]);
    expect(await stage.status(claim.u)).toBe('queued');
    expect(await stage.heads()).toEqual([claim.u]);
    const again = only(await stage.claim([claim]));
    expect(again).toMatchObject({ attempt: 2, retries: 0 });
    // Repeated, as after a lost answer, it must not open the conversation under the newer claim.
    expect(only(await stage.ledger.settle([released(claim)])).applied).toBe(false);
    expect(await stage.status(claim.u)).toBe('sending');
    expect((await stage.ledger.readMessage(stage.tenant, claim.u))?.attempts).toEqual([]);
  });

  it('keep the conversation for a message that is repeated', async () => {
    const stage = await Stage.open(subject(), 'kept', { concurrency: 1 });
    const claim = await stage.claimed('c');
    await stage.admit(stage.message('c'));
    await stage.ledger.settle([repeat(claim, subject().now() + 5_000)]);
    expect(await stage.heads()).toEqual([]);
    expect(await stage.events(claim.u)).toEqual(['queued', 'retrying']);
    // The slot is free, though.
    expect(await stage.claim(await stage.admit(stage.message('d')))).toHaveLength(1);
  });

  it('give a retry back where asked to', async () => {
    const stage = await Stage.open(subject(), 'refund');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([repeat(claim, subject().now())]);
    await stage.retry(claim.u, 1);
    const second = only(await stage.claim([claim]));
    expect(second.retries).toBe(1);
    await stage.ledger.settle([repeat(second, subject().now(), { counted: false, refund: true })]);
    await stage.retry(claim.u, 2);
    const third = only(await stage.claim([claim]));
    expect(third).toMatchObject({ attempt: 3, retries: 0 });
    await stage.ledger.settle([repeat(third, subject().now(), { counted: false, refund: true })]);
    await stage.retry(claim.u, 3);
    expect(only(await stage.claim([claim])).retries).toBe(0);
  });

  it('of a dead message let its followers go, or hold them, as the restaurant chose', async () => {
    for (const onDead of ['skip', 'hold'] as const) {
      const stage = await Stage.open(subject(), `dead-${onDead}`, { onDead });
      const claim = await stage.claimed('c');
      const follower = stage.message('c');
      await stage.admit(follower);
      const settled = only(await stage.ledger.settle([dead(claim)]));
      expect(settled.next?.u).toBe(onDead === 'skip' ? follower.u : undefined);
      expect(await stage.heads()).toEqual(onDead === 'skip' ? [follower.u] : []);
      if (onDead === 'skip') {
        expect(await stage.ledger.releaseHeld(stage.tenant, claim.u)).toBeNull();
        continue;
      }
      expect(await stage.admit(stage.message('c', { priority: 10 }))).toEqual([]);
      expect((await stage.ledger.releaseHeld(stage.tenant, follower.u)) === null).toBe(true);
      expect((await stage.ledger.releaseHeld(stage.tenant, claim.u))?.u).not.toBe(claim.u);
      expect(await stage.ledger.releaseHeld(stage.tenant, claim.u)).toBeNull();
    }
  });

  it('release a lane that nothing follows', async () => {
    const stage = await Stage.open(subject(), 'held-alone', { onDead: 'hold' });
    const claim = await stage.claimed('c');
    await stage.ledger.settle([dead(claim)]);
    expect(await stage.ledger.releaseHeld(stage.tenant, claim.u)).toBeUndefined();
    expect(await stage.admit(stage.message('c'))).toHaveLength(1);
  });

  it('of a held lane end with a redrive: its dead message goes first', async () => {
    const stage = await Stage.open(subject(), 'held-redrive', { onDead: 'hold' });
    const claim = await stage.claimed('c');
    await stage.admit(stage.message('c'));
    await stage.ledger.settle([dead(claim)]);
    expect(await stage.redrive(claim.u)).toEqual([claim.u]);
    expect(only(await stage.claim([claim]))).toMatchObject({ redrive: 1 });
  });

  it('an acceptance found late wins over a coming retry, and the conversation goes on', async () => {
    const stage = await Stage.open(subject(), 'late-retrying');
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    await stage.ledger.settle([repeat(claim, subject().now())]);
    expect(only(await stage.ledger.settle([accepted(claim)]))).toMatchObject({
      applied: true,
      next: { u: follower.u },
    });
    expect(await stage.retry(claim.u, 1)).toEqual([]);
    expect(await stage.status(claim.u)).toBe('sent');
  });

  it('and over a retry that waits, a death, an expiry', async () => {
    const stage = await Stage.open(subject(), 'late-others');
    const waits = await stage.claimed('a');
    await stage.ledger.settle([repeat(waits, subject().now())]);
    await stage.retry(waits.u, 1);
    const died = await stage.claimed('b');
    await stage.ledger.settle([dead(died)]);
    const expired = await stage.claimed('d', { expiresAt: subject().now() + 200 });
    await stage.ledger.settle([repeat(expired, subject().now() + 60_000)]);
    await subject().later(300);
    await stage.ledger.expire([stage.own], 100);
    expect(await stage.status(expired.u)).toBe('expired');
    for (const claim of [waits, died, expired]) {
      expect(only(await stage.ledger.settle([accepted(claim)])).applied).toBe(true);
      expect(await stage.status(claim.u)).toBe('sent');
    }
    expect(await stage.heads()).toEqual([]);
  });

  it('but not over a newer attempt that is under way', async () => {
    const stage = await Stage.open(subject(), 'late-newer');
    const first = await stage.claimed('c');
    await stage.ledger.settle([repeat(first, subject().now())]);
    await stage.retry(first.u, 1);
    const second = only(await stage.claim([first]));
    expect(only(await stage.ledger.settle([accepted(first)])).applied).toBe(false);
    expect(await stage.status(first.u)).toBe('sending');
    expect(only(await stage.ledger.settle([accepted(second, { sid: 'SM2' })])).applied).toBe(true);
  });

  it('leave a message alone that is claimed by a newer attempt', async () => {
    const stage = await Stage.open(subject(), 'other-attempt');
    const first = await stage.claimed('c');
    await stage.ledger.settle([repeat(first, subject().now())]);
    await stage.retry(first.u, 1);
    await stage.claim([first]);
    expect(only(await stage.ledger.settle([unknown(first)])).applied).toBe(false);
    expect(only(await stage.ledger.settle([dead(first)])).applied).toBe(false);
    expect(await stage.status(first.u)).toBe('sending');
  });

  it('take a state without event in silence', async () => {
    const stage = await Stage.open(subject(), 'silent');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([
      accepted(claim, { state: MESSAGE.waiting, onward: 0, event: null, sid: undefined }),
    ]);
    expect(await stage.events(claim.u)).toEqual(['queued']);
  });
}
