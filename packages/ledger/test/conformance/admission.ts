import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { accepted, dead, only, released, repeat, Stage, type Subject, unknown } from './subject.js';

export function admissionKeeps(subject: () => Subject): void {
  it('files an id once; repeats leave it as it is', async () => {
    const stage = await Stage.open(subject(), 'repeat');
    const message = stage.message('c');
    expect((await stage.admit(message)).map((head) => head.u)).toEqual([message.u]);
    expect(await stage.admit(message)).toEqual([]);
    expect(await stage.events(message.u)).toEqual(['queued']);
  });

  it('makes a dead record of an id with another body', async () => {
    const stage = await Stage.open(subject(), 'conflict');
    const message = stage.message('c');
    await stage.admit(message);
    const offset = await stage.ledger.admittedOffset(stage.own.partition, 'send');
    await stage.admit({ ...message, bodyHash: '11'.repeat(32) });
    const records = await stage.ledger.readDeadRecords([stage.own.partition], 100);
    const mine = records.filter((record) => record.offset === String(offset) && record.topic === 'send');
    expect(mine.map((record) => record.reason)).toEqual(['idempotency_conflict']);
    expect(await stage.status(message.u)).toBe('queued');
    await stage.ledger.forgetDeadRecords(mine.map((record) => record.n));
    const left = await stage.ledger.readDeadRecords([stage.own.partition], 100);
    expect(left.filter((record) => mine.some(({ n }) => n === record.n))).toEqual([]);
  });

  it('refuses a batch behind a gap, and leaves nothing of it', async () => {
    const stage = await Stage.open(subject(), 'gap');
    const at = await stage.ledger.admittedOffset(stage.own.partition, 'send');
    const message = stage.message('c');
    const late = { first: at + 5n, next: at + 6n };
    await expect(stage.ledger.admitSends(stage.own, late, [message], [])).rejects.toMatchObject({
      code: 'offset_gap',
    });
    expect(await stage.status(message.u)).toBeUndefined();
    expect(await stage.ledger.admittedOffset(stage.own.partition, 'send')).toBe(at);
  });

  it('takes a batch that was admitted before again, and never goes back', async () => {
    const stage = await Stage.open(subject(), 'again');
    const at = await stage.ledger.admittedOffset(stage.own.partition, 'send');
    const [a, b] = [stage.message('a'), stage.message('b')];
    await stage.ledger.admitSends(stage.own, { first: at, next: at + 2n }, [a, b], []);
    await stage.ledger.admitSends(stage.own, { first: at, next: at + 1n }, [a], []);
    expect(await stage.ledger.admittedOffset(stage.own.partition, 'send')).toBe(at + 2n);
  });

  it('is refused to a former owner', async () => {
    const stage = await Stage.open(subject(), 'former');
    const message = stage.message('c');
    const former = stage.own;
    stage.own = await stage.ledger.takeOwnership(former.partition, 'other');
    expect(stage.own.epoch).toBe(former.epoch + 1);
    const at = await stage.ledger.admittedOffset(former.partition, 'send');
    const range = { first: at, next: at + 1n };
    await expect(stage.ledger.admitSends(former, range, [message], [])).rejects.toMatchObject({
      code: 'fenced',
    });
    await expect(stage.ledger.admitRetries(former, range, [], [], [])).rejects.toMatchObject({
      code: 'fenced',
    });
    expect(await stage.status(message.u)).toBeUndefined();
  });

  it('places a newcomer of higher priority before a waiting head, and equal ones behind', async () => {
    const stage = await Stage.open(subject(), 'places');
    const [low, equal, high] = [stage.message('c'), stage.message('c'), stage.message('c', { priority: 9 })];
    await stage.admit(low);
    expect(await stage.admit(equal)).toEqual([]);
    expect((await stage.admit(high)).map((head) => head.u)).toEqual([high.u]);
    expect(await stage.heads()).toEqual([high.u]);
  });

  it('lets nothing pass a head that is sending, unknown or retrying', async () => {
    for (const end of [
      undefined,
      unknown,
      (claim: Parameters<typeof unknown>[0]) => repeat(claim, 1),
    ] as const) {
      const stage = await Stage.open(subject(), `passing-${String(end?.name)}`);
      const claim = await stage.claimed('c');
      if (end) await stage.ledger.settle([end(claim)]);
      expect(await stage.admit(stage.message('c', { priority: 10 }))).toEqual([]);
      expect(await stage.heads()).toEqual([]);
    }
  });

  it('lets no newcomer pass equal ones that came while the conversation was closed', async () => {
    for (const reopen of ['retry', 'release'] as const) {
      const stage = await Stage.open(subject(), `newcomer-${reopen}`);
      const claim = await stage.claimed('c', { priority: 0 });
      const [waits, comes] = [stage.message('c'), stage.message('c')];
      await stage.admit(waits);
      if (reopen === 'release') await stage.ledger.settle([released(claim)]);
      else {
        await stage.ledger.settle([repeat(claim, subject().now())]);
        await stage.retry(claim.u, 1, subject().now() + 60_000);
      }
      await stage.admit(comes);
      expect(await stage.heads()).toEqual([waits.u]);
      const next = await stage.ledger.settle([accepted(only(await stage.claim([waits as never])))]);
      expect(next[0]?.next?.u).toBe(comes.u);
    }
  });

  it('brings a retry back once, by its attempt and redrive', async () => {
    const stage = await Stage.open(subject(), 'retry');
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    await stage.ledger.settle([repeat(claim, subject().now() + 60_000)]);
    expect(await stage.status(claim.u)).toBe('retrying');
    expect(await stage.retry(claim.u, 2)).toEqual([]);
    expect(await stage.retry(claim.u, 1, undefined, 1)).toEqual([]);
    expect(await stage.retry(claim.u, 1)).toEqual([claim.u]);
    expect(await stage.retry(claim.u, 1)).toEqual([]);
    const again = only(await stage.claim([claim]));
    expect(again).toMatchObject({ attempt: 2, retries: 1, lastError: 'transient' });
    expect((await stage.ledger.settle([accepted(again)]))[0]?.next?.u).toBe(follower.u);
  });

  it('lets a retry that is due later sleep until then', async () => {
    const stage = await Stage.open(subject(), 'sleeper');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([repeat(claim, subject().now())]);
    expect(await stage.retry(claim.u, 1, subject().now() + 300)).toEqual([]);
    expect(await stage.claim([claim])).toEqual([]);
    await subject().later(400);
    const woken = await stage.ledger.wake([stage.own], 100);
    expect(woken.map((head) => head.u)).toContain(claim.u);
    expect(await stage.claim([claim])).toHaveLength(1);
  });

  it('puts a dead message back once, at the end of its conversation', async () => {
    const stage = await Stage.open(subject(), 'redrive');
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    await stage.ledger.settle([dead(claim)]);
    expect(await stage.redrive(claim.u, 1)).toEqual([]);
    expect(await stage.redrive(claim.u, 0)).toEqual([]);
    expect(await stage.status(claim.u)).toBe('queued');
    expect(await stage.redrive(claim.u, 0)).toEqual([]);
    expect(await stage.heads()).toEqual([follower.u]);
    const first = only(await stage.claim([{ ...claim, u: follower.u }]));
    const next = (await stage.ledger.settle([accepted(first)]))[0]?.next;
    expect(next?.u).toBe(claim.u);
    expect(only(await stage.claim([next as never]))).toMatchObject({ redrive: 1, attempt: 2, retries: 0 });
  });

  it('counts the processes that began to read a range, each once, until it is admitted', async () => {
    const stage = await Stage.open(subject(), 'poison');
    stage.own = await stage.ledger.takeOwnership(stage.own.partition, 'after a death');
    expect(stage.own.clean).toBe(false);
    const first = await stage.ledger.admittedOffset(stage.own.partition, 'send');
    const note = (reader: string, single = false) =>
      stage.ledger.noteRange(stage.own, 'send', first, single, reader);
    expect([await note('a'), await note('b'), await note('a', true)]).toEqual([1, 2, 1]);
    // Who reads it again did not die of it.
    expect([await note('a'), await note('b'), await note('c')]).toEqual([2, 2, 3]);
    expect(await stage.ledger.noteRange(stage.own, 'retry', first, false, 'a')).toBe(1);
    await stage.admit(stage.message('c'));
    expect(await note('d')).toBe(1);
    const former = stage.own;
    await stage.ledger.takeOwnership(former.partition, 'another');
    await expect(stage.ledger.noteRange(former, 'send', first, false, 'a')).rejects.toMatchObject({
      code: 'fenced',
    });
  });

  it('tells an owner which partitions were taken from it, and that by an earlier database all were', async () => {
    const stage = await Stage.open(subject(), 'fenced');
    const other = await Stage.open(subject(), 'held');
    const both = [stage.own, other.own];
    expect(await stage.ledger.fenced([])).toEqual([]);
    expect(await stage.ledger.fenced(both)).toEqual([]);
    const newer = await stage.ledger.takeOwnership(stage.own.partition, 'another');
    const taken = other.own.partition === stage.own.partition ? both : [stage.own];
    expect(await stage.ledger.fenced(both)).toEqual(taken);
    expect(await stage.ledger.fenced([newer])).toEqual([]);
    expect(await stage.ledger.fenced([{ ...newer, incarnation: randomUUID() }])).toHaveLength(1);
  });

  it('tells a new owner whether the one before gave the partition back in order', async () => {
    const stage = await Stage.open(subject(), 'clean');
    const { partition } = stage.own;
    expect((await stage.ledger.takeOwnership(partition, 'b')).clean).toBe(false);
    const own = await stage.ledger.takeOwnership(partition, 'c');
    await stage.ledger.giveBack(stage.own);
    await stage.ledger.giveBack(own);
    expect((await stage.ledger.takeOwnership(partition, 'd')).clean).toBe(true);
    expect((await stage.ledger.takeOwnership(partition, 'e')).clean).toBe(false);
  });

  it('steps over what retention took, forwards only', async () => {
    const stage = await Stage.open(subject(), 'retention');
    const at = await stage.ledger.admittedOffset(stage.own.partition, 'callbacks');
    expect(await stage.ledger.skipToLogStart(stage.own, 'callbacks', at + 7n)).toBe(true);
    expect(await stage.ledger.skipToLogStart(stage.own, 'callbacks', at + 3n)).toBe(false);
    expect(await stage.ledger.admittedOffset(stage.own.partition, 'callbacks')).toBe(at + 7n);
  });
}
