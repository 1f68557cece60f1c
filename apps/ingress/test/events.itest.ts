import { parseMessageId, partitionFor, randomU } from '@mersal/contracts';
import { apiKeyId, laneOf, MESSAGE, type Ownership, recipientOf, revokeKey } from '@mersal/ledger';
import { startService, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EventReader, readEvents } from './event-reader.js';
import { type Fixture, openFixture, PARTITIONS, type TestTenant } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
let own: Ownership;
const tag = '1aaaaaaaaaaaa';
const readers: EventReader[] = [];
beforeAll(async () => {
  fixture = await openFixture();
  tenant = await fixture.tenant('r1');
  await fixture.ledger.ensureSlots([tenant.id], 5);
  own = await fixture.ledger.takeOwnership(tenant.partition, 'test');
}, 120_000);
afterAll(async () => {
  for (const reader of readers) reader.close();
  await fixture?.close();
});

const open = async (
  path: string,
  more: { key?: string; lastEventId?: string | undefined; url?: string } = {},
): Promise<EventReader> => {
  const reader = await readEvents(`${more.url ?? fixture.url}${path}`, { key: tenant.apiKey, ...more });
  readers.push(reader);
  return reader;
};
const statuses = (reader: EventReader): unknown[] => reader.events.map(({ data }) => data['status']);
const has = (reader: EventReader, n: number) =>
  waitFor(() => reader.events.length >= n, { describe: `${n} events` });

/** What a sender does: admit, claim and settle, publish. */
async function admit(
  conversation: string,
  more: { u?: string; tag?: string; tenant?: number; own?: Ownership } = {},
): Promise<string> {
  const { u = randomU(), own: owned = own, ...rest } = more;
  const first = await fixture.ledger.admittedOffset(owned.partition, 'send');
  await fixture.ledger.admitSends(
    owned,
    { first, next: first + 1n },
    [
      {
        tenant: tenant.id,
        u,
        tag,
        lane: laneOf(conversation),
        conversation,
        priority: 5,
        sender: tenant.fromNumbers[0] ?? '',
        recipient: recipientOf(conversation),
        acceptedAt: Date.now(),
        bodyHash: '00'.repeat(32),
        record: Buffer.from('{"text":"secret text"}'),
        headers: {},
        kafkaOffset: first,
        ...rest,
      },
    ],
    [],
  );
  return u;
}
async function send(u: string): Promise<void> {
  const heads = await fixture.ledger.refill([{ tenant: tenant.id, partition: own.partition }], 64);
  const head = heads.filter((one) => one.u === u);
  const { claims } = await fixture.ledger.claim([own], head, { leaseMs: 20_000, concurrency: 5 });
  const [claim] = claims;
  if (!claim) throw new Error('nothing was claimed');
  const now = Date.now();
  await fixture.ledger.settle([
    {
      tenant: claim.tenant,
      lane: claim.lane,
      u,
      slot: claim.slot,
      attempt: claim.attempt,
      redrive: claim.redrive,
      state: MESSAGE.sent,
      onward: 'advance',
      counted: true,
      accountSid: claim.accountSid,
      sid: `SM${u}`,
      outcome: 'accepted',
      httpStatus: 201,
      startedAt: now - 10,
      finishedAt: now,
      event: 'sent',
      detail: { sid: `SM${u}`, accountSid: claim.accountSid, startedAt: now - 10 },
    },
  ]);
}
async function publish(): Promise<void> {
  const entries = await fixture.ledger.readOutbox([own.partition], 10_000);
  await fixture.ledger.forgetPublished(entries.map(({ n }) => n));
}

describe('a message', () => {
  it('is told as it is first, then as it goes on', async () => {
    const u = await admit('told');
    await publish();
    const reader = await open(`/api/messages/${u}-${tag}/events`);
    expect(reader.status).toBe(200);
    expect(reader.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(reader.headers.get('cache-control')).toBe('no-store');
    await has(reader, 1);
    expect(reader.events[0]).toMatchObject({
      event: 'state',
      data: { id: `${u}-${tag}`, status: 'queued', conversationId: 'told' },
    });
    await send(u);
    await publish();
    await has(reader, 2);
    expect(reader.events[1]).toMatchObject({
      event: 'outcome',
      data: { id: `${u}-${tag}`, restaurantId: 'r1', status: 'sent', attempt: 1, sid: `SM${u}`, error: null },
    });
    expect(JSON.stringify(reader.events)).not.toMatch(/secret text|14155238886|accountSid/);
  });

  it('whose last step is not published yet is not told of it twice', async () => {
    const u = await admit('pending');
    await publish();
    await send(u);
    const reader = await open(`/api/messages/${u}-${tag}/events`);
    await has(reader, 1);
    expect(statuses(reader)).toEqual(['sent']);
    await publish();
    const other = await open('/api/events', { lastEventId: '0.0' });
    await waitFor(() =>
      other.events.some(({ data }) => data['id'] === `${u}-${tag}` && data['status'] === 'sent'),
    );
    const back = await open(`/api/messages/${u}-${tag}/events`, { lastEventId: reader.events[0]?.id });
    await fixture.ledger.cancel(tenant.id, randomU(), tag);
    await waitFor(() => back.comments.length > 0);
    expect(statuses(reader)).toEqual(['sent']);
    expect(back.events).toEqual([]);
  });

  it('that is not filed yet is queued, and goes on once it is', async () => {
    // In a partition of which nothing was ever admitted.
    const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
    const apart = names.find((name) => partitionFor(name, PARTITIONS) !== own.partition) ?? '';
    const other = await fixture.tenant(apart);
    const sent = await fixture.send(other, { phoneNumber: '+966501234567', text: 'x' });
    const id = sent.body['id'] as string;
    const reader = await open(`/api/messages/${id}/events`, { key: other.apiKey });
    await has(reader, 1);
    expect(reader.events[0]).toMatchObject({ event: 'state', data: { id, status: 'queued' } });
    const parts = parseMessageId(id);
    if (!parts) throw new Error('no id of ours');
    const theirs = await fixture.ledger.takeOwnership(other.partition, 'test');
    await admit('filed-later', { ...parts, tenant: other.id, own: theirs });
    const entries = await fixture.ledger.readOutbox([other.partition], 100);
    await fixture.ledger.forgetPublished(entries.map(({ n }) => n));
    await has(reader, 2);
    expect(reader.events[1]).toMatchObject({ event: 'outcome', data: { id, status: 'queued' } });
  });

  it('of another restaurant, or of nobody, has no stream', async () => {
    const u = await admit('mine');
    const other = await fixture.tenant('other');
    for (const [id, key] of [
      [`${u}-${tag}`, other.apiKey],
      [`${randomU()}-${tag}`, tenant.apiKey],
    ] as const)
      expect((await open(`/api/messages/${id}/events`, { key })).status).toBe(404);
    const foreign = await open('/api/events?restaurantId=r1', { key: other.apiKey });
    expect(foreign.status).toBe(403);
  });
});

describe('a restaurant', () => {
  it('is told of all its messages; a reader that comes back to another instance misses nothing and hears nothing twice', async () => {
    const beside = await startService({ app: 'ingress', name: 'beside', env: fixture.env });
    try {
      const line = await waitFor(() => beside.lines.find((text) => text.includes('is up"')));
      const urls = [fixture.url, (JSON.parse(line) as { url: string }).url];
      await publish();
      const first = await open('/api/events');
      await has(first, 1);
      expect(first.events[0]).toMatchObject({ event: 'state', data: { restaurantId: 'r1' } });
      const us: string[] = [];
      const seen: string[] = [];
      let lastEventId = first.events[0]?.id;
      first.close();
      for (let n = 0; n < 6; n += 1) {
        us.push(await admit(`all-${n}`));
        if (n % 2 === 0) await publish();
        const reader = await open('/api/events', { lastEventId, url: urls[n % 2] ?? '' });
        await publish();
        await waitFor(() => reader.events.some(({ data }) => data['id'] === `${us.at(-1)}-${tag}`));
        seen.push(...reader.events.map(({ data }) => String(data['id'])));
        lastEventId = reader.events.at(-1)?.id;
        reader.close();
      }
      expect(seen).toEqual(us.map((u) => `${u}-${tag}`));
    } finally {
      await beside.stop();
    }
  }, 60_000);

  it('begins anew where its last event is none of its own', async () => {
    for (const lastEventId of ['999999999.0', 'x', '']) {
      const reader = await open('/api/events', { lastEventId });
      await has(reader, 1);
      expect(reader.events[0]?.event).toBe('state');
      reader.close();
    }
  });

  it('streams of a key are bounded, and end with it', async () => {
    const key = await fixture.key(tenant.id, ['read']);
    const opened = await Promise.all(Array.from({ length: 50 }, () => open('/api/events', { key })));
    expect(new Set(opened.map(({ status }) => status))).toEqual(new Set([200]));
    const over = await open('/api/events', { key });
    expect(over.status).toBe(429);
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
    const other = await open('/api/events');
    await revokeKey(fixture.database, apiKeyId(key) ?? '', 'test');
    const revokedAt = performance.now();
    await waitFor(() => opened.every(({ ended }) => ended), { timeoutMs: 6_000 });
    expect(performance.now() - revokedAt).toBeLessThan(5_500);
    expect(other.ended).toBe(false);
    expect((await open('/api/events', { key })).status).toBe(401);
  }, 30_000);
});

it('SIGTERM ends the streams at once, and the process with them', async () => {
  const beside = await startService({ app: 'ingress', name: 'draining', env: fixture.env });
  const line = await waitFor(() => beside.lines.find((text) => text.includes('is up"')));
  const reader = await open('/api/events', { url: (JSON.parse(line) as { url: string }).url });
  await has(reader, 1);
  const began = performance.now();
  expect(await beside.stop()).toBe(0);
  expect(performance.now() - began).toBeLessThan(5_000);
  await waitFor(() => reader.ended);
});
