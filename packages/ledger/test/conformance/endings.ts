import type { Claim, MessagePlace, MessageQuery } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { accepted, dead, only, repeat, Stage, type Subject, unknown } from './subject.js';

export function endingsKeep(subject: () => Subject): void {
  it('a waiting message can be cancelled, one that is sending or unknown can not', async () => {
    const stage = await Stage.open(subject(), 'cancel');
    const sending = await stage.claimed('a');
    const doubted = await stage.claimed('b');
    await stage.ledger.settle([unknown(doubted)]);
    const [head, follower] = [stage.message('c'), stage.message('c')];
    await stage.admit(head, follower);
    const cancel = (u: string) => stage.ledger.cancel(stage.tenant, u, '1aaaaaaaaaaaa');
    expect(await cancel(sending.u)).toBe('not_cancellable');
    expect(await cancel(doubted.u)).toBe('not_cancellable');
    expect(await cancel(head.u)).toBe('cancelled');
    expect(await cancel(head.u)).toBe('cancelled');
    expect(await stage.heads()).toEqual([follower.u]);
    expect(await stage.events(head.u)).toEqual(['queued', 'cancelled']);
    await stage.ledger.settle([accepted(sending)]);
    expect(await cancel(sending.u)).toBe('not_cancellable');
  });

  it('a message that is repeated can be cancelled, and its record changes nothing then', async () => {
    const stage = await Stage.open(subject(), 'cancel-retry');
    const claim = await stage.claimed('c');
    const follower = stage.message('c');
    await stage.admit(follower);
    await stage.ledger.settle([repeat(claim, subject().now())]);
    expect(await stage.ledger.cancel(stage.tenant, claim.u, 't')).toBe('cancelled');
    expect(await stage.retry(claim.u, 1)).toEqual([]);
    expect(await stage.status(claim.u)).toBe('cancelled');
    expect(await stage.heads()).toEqual([follower.u]);
  });

  it('one cancelled before it was admitted is never sent', async () => {
    const stage = await Stage.open(subject(), 'tombstone');
    const message = stage.message('c');
    expect(await stage.ledger.cancel(stage.tenant, message.u, message.tag)).toBe('cancelled');
    expect(await stage.admit(message)).toEqual([]);
    expect(await stage.status(message.u)).toBe('cancelled');
  });

  it('an unknown one never expires', async () => {
    const stage = await Stage.open(subject(), 'unknown-expiry');
    const claim = await stage.claimed('c', { expiresAt: subject().now() + 150 });
    await stage.ledger.settle([unknown(claim)]);
    await subject().later(250);
    await stage.ledger.expire([stage.own], 100);
    expect(await stage.status(claim.u)).toBe('unknown');
  });

  it('a scheduled one blocks nobody before its time, and gets its place then', async () => {
    const stage = await Stage.open(subject(), 'scheduled');
    const scheduled = stage.message('c', { sendAt: subject().now() + 300 });
    expect(await stage.admit(scheduled)).toEqual([]);
    expect(await stage.status(scheduled.u)).toBe('scheduled');
    const claim = await stage.claimed('c');
    await subject().later(400);
    expect((await stage.ledger.wake([stage.own], 100)).map((head) => head.u)).not.toContain(scheduled.u);
    expect(await stage.status(scheduled.u)).toBe('queued');
    expect((await stage.ledger.settle([accepted(claim)]))[0]?.next?.u).toBe(scheduled.u);
  });

  it('a former owner wakes nothing and ends nothing', async () => {
    const stage = await Stage.open(subject(), 'former-owner');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([repeat(claim, subject().now())]);
    await stage.retry(claim.u, 1, subject().now() + 200);
    const scheduled = stage.message('d', { sendAt: subject().now() + 200 });
    const passing = stage.message('e', { expiresAt: subject().now() + 200 });
    await stage.admit(scheduled, passing);
    const former = stage.own;
    const owner = await stage.ledger.takeOwnership(former.partition, 'next');
    await subject().later(300);
    expect(await stage.ledger.wake([former], 100)).toEqual([]);
    expect(await stage.ledger.expire([former], 100)).toBe(0);
    expect(await stage.status(scheduled.u)).toBe('scheduled');
    expect(await stage.status(passing.u)).toBe('queued');
    const woken = (await stage.ledger.wake([owner], 100)).map((head) => head.u);
    expect(woken).toEqual(expect.arrayContaining([claim.u, scheduled.u]));
    await stage.ledger.expire([owner], 100);
    expect(await stage.status(passing.u)).toBe('expired');
  });

  it('and can be cancelled before', async () => {
    const stage = await Stage.open(subject(), 'scheduled-cancel');
    const scheduled = stage.message('c', { sendAt: subject().now() + 200 });
    await stage.admit(scheduled);
    expect(await stage.ledger.cancel(stage.tenant, scheduled.u, 't')).toBe('cancelled');
    await subject().later(300);
    await stage.ledger.wake([stage.own], 100);
    expect(await stage.heads()).toEqual([]);
  });

  it('events wait in the outbox until they are forgotten, in order', async () => {
    const stage = await Stage.open(subject(), 'outbox');
    const claim = await stage.claimed('c');
    await stage.ledger.settle([accepted(claim, { detail: { sid: 'SM1' } })]);
    const entries = (await stage.ledger.readOutbox([stage.own.partition], 10_000)).filter(
      (e) => e.u === claim.u,
    );
    expect(entries.map((e) => [e.state, e.attempt, e.restaurantId])).toEqual([
      ['queued', 0, stage.name],
      ['sent', 1, stage.name],
    ]);
    expect(entries[1]).toMatchObject({ detail: { sid: 'SM1' }, record: null, headers: { ce_id: 'x' } });
    await stage.ledger.forgetPublished([entries[0]?.n ?? '']);
    expect(await stage.events(claim.u)).toEqual(['sent']);
    const orphans = await stage.ledger.readOrphanedOutbox(60_000, 10_000);
    expect(orphans.filter((e) => e.u === claim.u)).toEqual([]);
    await subject().later(100);
    const old = await stage.ledger.readOrphanedOutbox(50, 10_000);
    expect(old.filter((e) => e.u === claim.u)).toHaveLength(1);
  });

  it('published events can be read on from any of them; each step is there once, however often it is published', async () => {
    const stage = await Stage.open(subject(), 'events');
    const { ledger, tenant } = stage;
    const start = await ledger.eventPlace(tenant);
    expect(start.pending).toBe('0');
    const publish = async (): Promise<void> => {
      const entries = await ledger.readOutbox([stage.own.partition], 10_000);
      await ledger.forgetPublished(entries.map(({ n }) => n));
    };
    const feed = (after: string, u: string | null = null) => ({ tenant, u, after });
    const claim = await stage.claimed('a');
    const other = await stage.claimed('b');
    expect(await ledger.readEvents([feed(start.last)], 10)).toEqual([[]]);
    await publish();
    await ledger.settle([accepted(claim, { detail: { sid: 'SM1' } })]);
    const begun = await ledger.readMessageAndPlace(tenant, claim.u);
    expect(begun?.view.status).toBe('sent');
    await publish();
    expect((await ledger.readMessageAndPlace(tenant, claim.u))?.place.pending).toBe('0');
    const [all = [], one = []] = await ledger.readEvents([feed(start.last), feed(start.last, claim.u)], 10);
    expect(all.map(({ u, state }) => [u, state])).toEqual([
      [claim.u, 'queued'],
      [other.u, 'queued'],
      [claim.u, 'sent'],
    ]);
    expect(one.map(({ state, attempt, detail }) => [state, attempt, detail['sid']])).toEqual([
      ['queued', 0, undefined],
      ['sent', 1, 'SM1'],
    ]);
    // What the message's state told already when its reader began, though it was not published yet.
    const sent = only(all.slice(2));
    expect(begun?.place).toEqual({ last: all[1]?.n, pending: sent.outbox });
    expect(await ledger.readEvents([feed(all[1]?.n ?? ''), feed(sent.n)], 10)).toEqual([[sent], []]);
    expect(await ledger.readEvents([feed(start.last)], 2)).toEqual([all.slice(0, 2)]);
    expect(await ledger.hasEvent(tenant, sent.n)).toBe(true);
    expect(await ledger.hasEvent(tenant + 1, sent.n)).toBe(false);

    await ledger.settle([repeat(other, 1)]);
    const twice = [await ledger.readOutbox([stage.own.partition], 10_000)].flat();
    await publish();
    await ledger.forgetPublished(twice.map(({ n }) => n));
    expect((await ledger.readEvents([feed(sent.n)], 10)).flat().map(({ state }) => state)).toEqual([
      'retrying',
    ]);
  });

  it('final messages lose their bodies, and later their ids; others keep both', async () => {
    const stage = await Stage.open(subject(), 'prune');
    const claim = await stage.claimed('a');
    await stage.ledger.settle([accepted(claim)]);
    const waiting = stage.message('b');
    await stage.admit(waiting);
    await subject().later(200);
    const day = 86_400_000;
    expect(await stage.ledger.prune({ detailMs: 100, idMs: day }, 10_000)).toBeGreaterThan(0);
    expect(await stage.ledger.readMessage(stage.tenant, claim.u)).toMatchObject({
      status: 'sent',
      record: null,
      attempts: [],
    });
    expect((await stage.ledger.readMessage(stage.tenant, waiting.u))?.record).not.toBeNull();
    await stage.ledger.prune({ detailMs: 100, idMs: 100 }, 10_000);
    expect(await stage.status(claim.u)).toBeUndefined();
    expect(await stage.status(waiting.u)).toBe('queued');
  });

  it("a restaurant's messages are listed newest first, by a cursor", async () => {
    const stage = await Stage.open(subject(), 'list');
    const at = Math.trunc(subject().now());
    const messages = [0, 1, 2].map((n) => stage.message(`c${n}`, { acceptedAt: at + n }));
    await stage.admit(...messages);
    const first = await stage.ledger.listMessages(stage.tenant, { most: 1 });
    expect(first.items.map((one) => one.u)).toEqual([messages[2]?.u]);
    expect(first.next).toEqual({ acceptedAt: at + 2, u: messages[2]?.u });
    const rest = await stage.ledger.listMessages(stage.tenant, { most: 10, before: first.next ?? undefined });
    expect(rest.items.map((one) => one.u)).toEqual([messages[1]?.u, messages[0]?.u]);
    expect(rest.next).toBeNull();
  });

  it('messages are listed by status, conversation, error and time; filters go together', async () => {
    const stage = await Stage.open(subject(), 'filters');
    const at = Math.trunc(subject().now()) - 100_000;
    const one = async (conversation: string, n: number): Promise<Claim> =>
      stage.claimed(conversation, { acceptedAt: at + n });
    const sent = await one('a', 0);
    await stage.ledger.settle([accepted(sent)]);
    const failed = await one('a', 1);
    await stage.ledger.settle([dead(failed, { errorCode: 63_016 })]);
    const doubted = await one('b', 2);
    await stage.ledger.settle([unknown(doubted)]);
    const again = await one('c', 3);
    await stage.ledger.settle([repeat(again, subject().now() + 60_000, { errorCode: 63_038 })]);
    const sending = await one('d', 4);
    const [waiting, later, gone] = [
      stage.message('e', { acceptedAt: at + 5 }),
      stage.message('a', { acceptedAt: at + 6, sendAt: subject().now() + 3_600_000 }),
      stage.message('f', { acceptedAt: at + 7 }),
    ];
    await stage.admit(waiting, later, gone);
    await stage.ledger.cancel(stage.tenant, gone.u, gone.tag);
    const list = async (query: Omit<MessageQuery, 'most' | 'before'>): Promise<string[]> => {
      const found: string[] = [];
      let before: MessagePlace | undefined;
      do {
        const page = await stage.ledger.listMessages(stage.tenant, { most: 2, before, ...query });
        expect(page.items.length).toBeLessThanOrEqual(2);
        found.push(...page.items.map(({ u }) => u));
        before = page.next ?? undefined;
      } while (before !== undefined);
      return found;
    };
    expect(await list({})).toEqual(
      [gone, later, waiting, sending, again, doubted, failed, sent].map(({ u }) => u),
    );
    expect(await list({ status: 'sent' })).toEqual([sent.u]);
    expect(await list({ status: 'dead' })).toEqual([failed.u]);
    expect(await list({ status: 'unknown' })).toEqual([doubted.u]);
    expect(await list({ status: 'retrying' })).toEqual([again.u]);
    expect(await list({ status: 'sending' })).toEqual([sending.u]);
    expect(await list({ status: 'queued' })).toEqual([waiting.u]);
    expect(await list({ status: 'scheduled' })).toEqual([later.u]);
    expect(await list({ status: 'cancelled' })).toEqual([gone.u]);
    for (const status of ['held', 'failed', 'delivered', 'read', 'expired'])
      expect([status, await list({ status })]).toEqual([status, []]);
    expect(await list({ conversation: 'a' })).toEqual([later.u, failed.u, sent.u]);
    expect(await list({ conversation: 'a', status: 'dead' })).toEqual([failed.u]);
    expect(await list({ errorCode: 63_016 })).toEqual([failed.u]);
    expect(await list({ errorCode: 63_038, status: 'dead' })).toEqual([]);
    expect(await list({ from: at + 1, to: at + 4 })).toEqual([again.u, doubted.u, failed.u]);
    expect(await list({ from: at + 1, conversation: 'a', errorCode: 63_016, status: 'dead' })).toEqual([
      failed.u,
    ]);
  });

  it('counts add up', async () => {
    const counts = await subject().ledger.counts();
    const { accepted: all, waiting, active, delayed, completed, failed, cancelled, expired } = counts;
    expect(all).toBe(waiting + active + delayed + completed + failed + cancelled + expired);
    expect(all).toBeGreaterThan(0);
    const stage = await Stage.open(subject(), 'counts');
    only(await stage.claim(await stage.admit(stage.message('c'))));
    const after = await subject().ledger.counts();
    expect(after.active).toBe(counts.active + 1);
    expect(after.tenantConcurrency['counts']?.active).toBe(1);
  });
}
