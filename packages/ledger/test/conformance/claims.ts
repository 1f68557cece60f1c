import { expect, it } from 'vitest';
import { accepted, dead, LIMITS, only, released, repeat, SENDER, Stage, type Subject } from './subject.js';

export function claimsKeep(subject: () => Subject): void {
  it('never more than there are slots, however many ask at once', async () => {
    const stage = await Stage.open(subject(), 'slots');
    const heads = await stage.admit(...Array.from({ length: 20 }, (_, n) => stage.message(`c${n}`)));
    const claims = await Promise.all([0, 1, 2, 3].map((n) => stage.claim(heads.slice(n * 5, n * 5 + 5))));
    expect(claims.flat()).toHaveLength(5);
    expect(new Set(claims.flat().map((claim) => claim.slot)).size).toBe(5);
    await stage.ledger.settle([accepted(claims.flat()[0] as never)]);
    expect(await stage.claim(heads)).toHaveLength(1);
  });

  it("keep a restaurant's own limit", async () => {
    const stage = await Stage.open(subject(), 'limit', { concurrency: 2 });
    const heads = await stage.admit(...Array.from({ length: 4 }, (_, n) => stage.message(`c${n}`)));
    expect(await stage.claim(heads)).toHaveLength(2);
  });

  it('take a head once, whoever asks', async () => {
    const stage = await Stage.open(subject(), 'once');
    const heads = await stage.admit(stage.message('c'));
    const claims = await Promise.all([1, 2, 3].map(() => stage.claim(heads)));
    expect(claims.flat()).toHaveLength(1);
    expect(await stage.status(heads[0]?.u ?? '')).toBe('sending');
  });

  it('refuse what is not the head of its conversation', async () => {
    const stage = await Stage.open(subject(), 'heads');
    const [first, second] = [stage.message('c'), stage.message('c')];
    await stage.admit(first, second);
    expect(await stage.claim([second])).toEqual([]);
  });

  it('tell when the attempt before it in its conversation began, whosever it was', async () => {
    const stage = await Stage.open(subject(), 'former');
    const messages = [stage.message('c'), stage.message('c')];
    const heads = await stage.admit(...messages);
    const [first] = await stage.claim(heads);
    expect(first).toMatchObject({ attempt: 1, formerAt: null });
    const [settled] = await stage.ledger.settle([accepted(first as never)]);
    const [second] = await stage.claim([settled?.next as never]);
    expect(second).toMatchObject({ u: messages[1]?.u, attempt: 1 });
    const { formerAt } = second ?? {};
    expect(formerAt).toBeGreaterThan(subject().now() - 60_000);
    expect(formerAt).toBeLessThanOrEqual(subject().now());
  });

  it('name the partitions that others own now, and go on with the rest', async () => {
    const [a, b] = await twoPartitions(subject());
    const heads = [...(await a.admit(a.message('c'))), ...(await b.admit(b.message('c')))];
    await b.ledger.takeOwnership(b.own.partition, 'other');
    const { claims, fenced } = await a.ledger.claim([a.own, b.own], heads, LIMITS);
    expect(fenced).toEqual([b.own.partition]);
    expect(claims.map((claim) => claim.tenant)).toEqual([a.tenant]);
  });

  it('fail for another epoch of the rate group, and take nothing', async () => {
    const stage = await Stage.open(subject(), 'epoch');
    const heads = await stage.admit(stage.message('c'));
    const rateEpoch = await subject().rateEpoch();
    await expect(
      stage.ledger.claim([stage.own], heads, { ...LIMITS, rateEpoch: rateEpoch + 1 }),
    ).rejects.toMatchObject({ code: 'rate_epoch' });
    const { claims } = await stage.ledger.claim([stage.own], heads, { ...LIMITS, rateEpoch });
    expect(claims).toHaveLength(1);
  });

  it('refuse what is past its time; expiring ends it, and its followers go', async () => {
    const stage = await Stage.open(subject(), 'expiry');
    const [late, follower] = [stage.message('c', { expiresAt: subject().now() - 5_000 }), stage.message('c')];
    const heads = await stage.admit(late, follower);
    expect(await stage.claim(heads)).toEqual([]);
    expect(await stage.ledger.expire([stage.own], 100)).toBeGreaterThan(0);
    expect(await stage.status(late.u)).toBe('expired');
    expect(await stage.events(late.u)).toEqual(['queued', 'expired']);
    expect(await stage.heads()).toEqual([follower.u]);
  });

  it('say that a recipient is suppressed, until it is lifted', async () => {
    const stage = await Stage.open(subject(), 'suppressed');
    const claim = await stage.claimed('c');
    expect(claim).toMatchObject({ suppressed: false, sender: SENDER });
    const { recipient } = stage.message('c');
    const address = 'whatsapp:+966500000001';
    await stage.ledger.settle([
      dead(claim, {
        effects: [
          { kind: 'suppress', tenant: stage.tenant, recipient, address, reason: 'opted_out', u: claim.u },
        ],
      }),
    ]);
    const listed = await stage.ledger.listSuppressions(stage.tenant, 10);
    expect(listed).toMatchObject([{ recipient, address, reason: 'opted_out' }]);
    const next = await stage.claimed('c');
    expect(next.suppressed).toBe(true);
    await stage.ledger.settle([released(next)]);
    expect(await stage.ledger.liftSuppression(stage.tenant, recipient, 'me')).toBe(true);
    expect(await stage.ledger.liftSuppression(stage.tenant, recipient, 'me')).toBe(false);
    expect(only(await stage.claim([next])).suppressed).toBe(false);
  });

  it('refuse a suspended restaurant', async () => {
    const stage = await Stage.open(subject(), 'suspended');
    const claim = await stage.claimed('c');
    const suspend = {
      kind: 'suspend',
      tenant: stage.tenant,
      accountSid: claim.accountSid,
      credentials: claim.credentials,
      reason: '20003',
    } as const;
    await stage.ledger.settle([{ ...released(claim), outcome: 'tenant_suspended', effects: [suspend] }]);
    expect(await subject().status(stage.name)).toBe('suspended');
    expect(await stage.status(claim.u)).toBe('held');
    expect(await stage.claim([claim])).toEqual([]);
  });

  it('leave a restaurant alone whose account is another by now', async () => {
    const stage = await Stage.open(subject(), 'moved');
    const claim = await stage.claimed('c');
    const suspend = {
      kind: 'suspend',
      tenant: stage.tenant,
      accountSid: `AC${'9'.repeat(32)}`,
      credentials: null,
      reason: 'x',
    } as const;
    await stage.ledger.settle([{ ...released(claim), effects: [suspend] }]);
    expect(await subject().status(stage.name)).toBe('active');
  });

  it('leave a restaurant alone whose credentials were changed since, but for what is no matter of them', async () => {
    const stage = await Stage.open(subject(), 'renewed');
    const claim = await stage.claimed('c');
    await subject().renewCredentials(stage.name);
    const suspend = (credentials: number | null) =>
      ({
        kind: 'suspend',
        tenant: stage.tenant,
        accountSid: claim.accountSid,
        credentials,
        reason: 'x',
      }) as const;
    await stage.ledger.settle([{ ...released(claim), effects: [suspend(claim.credentials)] }]);
    expect(await subject().status(stage.name)).toBe('active');
    const again = only(await stage.claim([claim]));
    expect(again.credentials).toBeGreaterThan(claim.credentials);
    await stage.ledger.settle([{ ...released(again), effects: [suspend(null)] }]);
    expect(await subject().status(stage.name)).toBe('suspended');
    await subject().renewCredentials(stage.name);
    expect(await subject().status(stage.name)).toBe('active');
  });

  it('refuse a paused restaurant, until it is over', async () => {
    const stage = await Stage.open(subject(), 'paused');
    const claim = await stage.claimed('c');
    const pause = {
      kind: 'pause',
      tenant: stage.tenant,
      sender: null,
      minMs: 300,
      maxMs: 1_000,
      reason: '63038',
    } as const;
    await stage.ledger.settle([{ ...released(claim), effects: [pause] }]);
    expect(await stage.claim([claim])).toEqual([]);
    expect(await subject().pausedUntil(stage.name)).toBeGreaterThan(subject().now());
    await subject().later(400);
    expect(await stage.claim([claim])).toHaveLength(1);
  });

  it("let the lanes of a paused number sleep, and the restaurant's other numbers go on", async () => {
    const stage = await Stage.open(subject(), 'number');
    const other = 'whatsapp:+14155230000';
    const claim = await stage.claimed('a');
    const pause = {
      kind: 'pause',
      tenant: stage.tenant,
      sender: SENDER,
      minMs: 300,
      maxMs: 300,
      reason: '63018',
    } as const;
    await stage.ledger.settle([{ ...released(claim), effects: [pause] }]);
    const [free] = [stage.message('b', { sender: other })];
    await stage.admit(free);
    const claims = await stage.claim([claim, free]);
    expect(claims.map((one) => one.u)).toEqual([free.u]);
    expect(await stage.heads()).toEqual([]);
    await subject().later(400);
    expect((await stage.ledger.wake([stage.own], 100)).map((head) => head.u)).toContain(claim.u);
    expect(await stage.claim([claim])).toHaveLength(1);
  });

  it("lengthen a provider's pause that comes again soon; one that runs stays as it is", async () => {
    const stage = await Stage.open(subject(), 'escalates');
    const lengths: number[] = [];
    const effect = {
      kind: 'pause',
      tenant: stage.tenant,
      sender: null,
      minMs: 200,
      maxMs: 500,
      reason: 'x',
    } as const;
    for (let round = 0; round < 3; round += 1) {
      const claim = round === 0 ? await stage.claimed('c') : await stage.claimed(`c${round}`);
      const at = subject().now();
      await stage.ledger.settle([{ ...released(claim), effects: [effect] }]);
      const until = await subject().pausedUntil(stage.name);
      await stage.ledger.settle([{ ...released(claim), effects: [effect] }]);
      expect(await subject().pausedUntil(stage.name)).toBe(until);
      lengths.push((until ?? 0) - at);
      await subject().later((until ?? 0) - subject().now() + 20);
    }
    expect(lengths.map((ms) => Math.round(ms / 100))).toEqual([2, 4, 5]);
  });

  it("keep an operator's pauses, and wake what slept for them once they are lifted", async () => {
    const stage = await Stage.open(subject(), 'operator');
    const heads = await stage.admit(stage.message('c'));
    const target = { scope: 'sender', tenant: stage.tenant, sender: SENDER } as const;
    await stage.ledger.setPause(target, null, 'audit', 'me');
    expect(await stage.ledger.readPauses()).toContainEqual(
      expect.objectContaining({ target, reason: 'audit', by: 'me', until: Number.POSITIVE_INFINITY }),
    );
    expect(await stage.claim(heads)).toEqual([]);
    expect(await stage.heads()).toEqual([]);
    expect(await stage.ledger.liftPause(target, 'ops')).toBe(true);
    expect(await stage.ledger.liftPause(target, 'ops')).toBe(false);
    expect(await stage.heads()).toHaveLength(1);
    expect(await stage.claim(heads)).toHaveLength(1);
  });

  it('refuse everything while everything is paused', async () => {
    const stage = await Stage.open(subject(), 'everything');
    const heads = await stage.admit(stage.message('c'));
    await stage.ledger.setPause({ scope: 'all' }, null, 'fire', 'me');
    expect(await stage.claim(heads)).toEqual([]);
    expect(await stage.ledger.liftPause({ scope: 'all' }, 'ops')).toBe(true);
    expect(await stage.claim(heads)).toHaveLength(1);
  });

  it('tell of the error before', async () => {
    const stage = await Stage.open(subject(), 'last-error');
    const claim = await stage.claimed('c');
    expect(claim.lastError).toBeNull();
    await stage.ledger.settle([repeat(claim, subject().now(), { errorClass: 'throttled', counted: false })]);
    await stage.retry(claim.u, 1);
    expect(only(await stage.claim([claim]))).toMatchObject({ lastError: 'throttled', retries: 0 });
  });
}

/** Restaurants in two partitions. */
async function twoPartitions(subject: Subject): Promise<[Stage, Stage]> {
  const first = await Stage.open(subject, 'partition-0');
  for (let n = 1; ; n += 1) {
    const { id, partition } = await subject.tenant(`partition-${n}`);
    if (partition === first.own.partition) continue;
    await subject.ledger.ensureSlots([id], LIMITS.concurrency);
    return [
      first,
      new Stage(`partition-${n}`, subject, id, await subject.ledger.takeOwnership(partition, 'test')),
    ];
  }
}
