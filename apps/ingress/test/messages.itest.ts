import { decodeEvent, parseMessageId, type SendRequested, topicNames } from '@mersal/contracts';
import { laneOf, type Ownership, recipientOf } from '@mersal/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, openFixture, type TestTenant, type TopicRecord } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
let other: TestTenant;
let own: Ownership;
const GOOD = { phoneNumber: '+966501234567', text: 'x' };
beforeAll(async () => {
  fixture = await openFixture();
  tenant = await fixture.tenant('bayt-al-shawarma');
  other = await fixture.tenant('zafran');
  own = await fixture.ledger.takeOwnership(tenant.partition, 'test');
}, 120_000);
afterAll(() => fixture?.close());

/** What the owner of the partition does: files everything that the log has. */
async function admitAll(except: readonly string[] = []): Promise<void> {
  const first = await fixture.ledger.admittedOffset(tenant.partition, 'send');
  const records = (await fixture.records(topicNames(fixture.queue).send)).filter(
    ({ partition, offset }) => partition === tenant.partition && offset >= first,
  );
  const next = records.reduce((end, { offset }) => (offset >= end ? offset + 1n : end), first);
  const messages = records.map(toMessage).filter(({ u }) => !except.some((id) => id.startsWith(u)));
  await fixture.ledger.admitSends(own, { first, next }, messages, []);
}

function toMessage(record: TopicRecord) {
  const data = decodeEvent(record.headers, record.value).data as SendRequested;
  const parts = parseMessageId(data.messageId);
  if (!parts || !record.value) throw new Error('not a record of ours');
  return {
    tenant: data.restaurantId === tenant.restaurantId ? tenant.id : other.id,
    ...parts,
    lane: laneOf(data.conversationId),
    conversation: data.conversationId,
    priority: data.priority,
    sender: data.from,
    recipient: recipientOf(data.to),
    acceptedAt: data.acceptedAt,
    sendAt: data.sendAt,
    expiresAt: data.expiresAt,
    bodyHash: data.bodyHash,
    record: record.value,
    headers: Object.fromEntries(
      Object.entries(record.headers).map(([name, value]) => [name, value.toString()]),
    ),
    kafkaOffset: record.offset,
  };
}

const read = (who: TestTenant, id: string) => fixture.call('GET', `/api/messages/${id}`, { key: who.apiKey });
const cancel = (who: TestTenant, id: string) =>
  fixture.call('DELETE', `/api/messages/${id}`, { key: who.apiKey });
const post = async (more: object = {}): Promise<string> =>
  (await fixture.send(tenant, { ...GOOD, ...more })).body['id'] as string;

describe('a message', () => {
  it('reads as queued right after its 202, before it is filed', async () => {
    const id = await post();
    expect(await read(tenant, id)).toMatchObject({
      status: 200,
      body: { id, status: 'queued', attempts: [] },
    });
  });

  it('is told whole once it is filed', async () => {
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const id = await post({ priority: 8, conversationId: 'c-1', metadata: { order: 7 }, sendAt });
    await admitAll();
    const { status, body } = await read(tenant, id);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        id,
        status: 'scheduled',
        restaurantId: 'bayt-al-shawarma',
        conversationId: 'c-1',
        priority: 8,
        metadata: { order: 7 },
        sendAt,
        sid: null,
        error: null,
        timeline: [{ event: 'accepted' }],
      },
    });
    expect(body['traceId']).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(body)).not.toContain('966501234567');
  });

  it('of another restaurant is not there, whether filed or not', async () => {
    const id = await post();
    expect((await read(other, id)).status).toBe(404);
    await admitAll();
    expect((await read(other, id)).status).toBe(404);
    expect((await cancel(other, id)).status).toBe(404);
    expect((await read(tenant, id)).body['status']).toBe('queued');
    const named = await fixture.call('GET', `/api/messages/${id}?restaurantId=bayt-al-shawarma`, {
      key: other.apiKey,
    });
    expect(named).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  it('with a forged tag is not there', async () => {
    const id = await post();
    const forged = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
    expect((await read(tenant, forged)).status).toBe(404);
    await admitAll();
    expect((await read(tenant, forged)).status).toBe(404);
    expect((await cancel(tenant, forged)).status).toBe(404);
  });

  it('whose id is genuine and that admission passed without it is not there', async () => {
    const id = await post();
    await admitAll([id]);
    expect(await read(tenant, id)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  it('is read by a platform key that names the restaurant', async () => {
    const id = await post();
    const path = `/api/messages/${id}`;
    const key = fixture.adminToken;
    expect((await fixture.call('GET', `${path}?restaurantId=bayt-al-shawarma`, { key })).status).toBe(200);
    expect((await fixture.call('GET', path, { key })).status).toBe(400);
    expect((await fixture.call('GET', `${path}?restaurantId=nobody`, { key })).status).toBe(404);
  });
});

describe('cancelling', () => {
  it('a waiting one', async () => {
    const id = await post();
    await admitAll();
    expect(await cancel(tenant, id)).toMatchObject({ status: 200, body: { id, status: 'cancelled' } });
    expect(await read(tenant, id)).toMatchObject({
      body: { status: 'cancelled', timeline: [{ event: 'accepted' }, { event: 'cancelled' }] },
    });
    expect((await cancel(tenant, id)).status).toBe(200);
  });

  it('one that is not filed yet: admission then finds it cancelled', async () => {
    const id = await post();
    expect((await cancel(tenant, id)).status).toBe(200);
    await admitAll();
    expect((await read(tenant, id)).body['status']).toBe('cancelled');
  });

  it('one that is at the provider → 409', async () => {
    const id = await post({ conversationId: 'sending' });
    await admitAll();
    await fixture.database.run({
      name: 'claim-lane',
      text: 'update lane set state = 1, attempt = 1, lease = now() + interval $$1 minute$$ where tenant = $1 and lane = $2',
      values: [tenant.id, laneOf('sending')],
    });
    expect((await read(tenant, id)).body['status']).toBe('sending');
    expect(await cancel(tenant, id)).toMatchObject({ status: 409, body: { code: 'already_sending' } });
  });
});

describe('the list', () => {
  it('goes page by page, newest first, each message once', async () => {
    const paged = await fixture.tenant('paged');
    const posted: string[] = [];
    for (let n = 0; n < 7; n += 1) {
      posted.push((await fixture.send(paged, GOOD)).body['id'] as string);
    }
    for (const id of posted) expect((await cancel(paged, id)).status).toBe(200);
    const seen: string[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const { body } = await fixture.call(
        'GET',
        `/api/messages?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
        {
          key: paged.apiKey,
        },
      );
      seen.push(...(body['items'] as { id: string }[]).map(({ id }) => id));
      cursor = body['next'] as string | null;
      pages += 1;
    }
    expect(pages).toBe(3);
    expect(seen).toEqual(posted.toReversed());
  });

  it('is filtered by status, conversation and time', async () => {
    const filtered = await fixture.tenant('filtered');
    const send = async (conversationId: string): Promise<string> =>
      (await fixture.send(filtered, { ...GOOD, conversationId })).body['id'] as string;
    const [one, two] = [await send('f-1'), await send('f-2')];
    for (const id of [one, two]) expect((await cancel(filtered, id)).status).toBe(200);
    const list = async (query: string): Promise<string[]> => {
      const { status, body } = await fixture.call('GET', `/api/messages?${query}`, { key: filtered.apiKey });
      expect(status).toBe(200);
      return (body['items'] as { id: string }[]).map(({ id }) => id);
    };
    const hourAgo = encodeURIComponent(new Date(Date.now() - 3_600_000).toISOString());
    expect(await list('status=cancelled')).toEqual([two, one]);
    expect(await list('status=queued')).toEqual([]);
    expect(await list(`from=${hourAgo}`)).toEqual([two, one]);
    expect(await list(`to=${hourAgo}`)).toEqual([]);
    expect(await list('errorCode=63016')).toEqual([]);
    // Cancelled before they were filed, they are known by their ids alone.
    expect(await list('conversationId=f-1')).toEqual([]);
  });

  it.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'cursor=x',
    'status=done',
    'from=yesterday',
    'errorCode=x',
    'conversationId=',
  ])('refuses ?%s', async (query) => {
    const answer = await fixture.call('GET', `/api/messages?${query}`, { key: tenant.apiKey });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });
});

it('another body under a filed key is told, also by a process that does not remember', async () => {
  const first = await fixture.send(tenant, GOOD, { 'idempotency-key': 'k' });
  await admitAll();
  const second = await openFixtureBeside(first.body['id'] as string);
  expect(second).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
});

/** Sends another body with the same key through a second ingress on the same stores. */
async function openFixtureBeside(id: string) {
  expect((await read(tenant, id)).status).toBe(200);
  const { startService, waitFor } = await import('@mersal/testkit');
  const service = await startService({ app: 'ingress', name: 'beside', env: fixture.env });
  try {
    const line = await waitFor(() => service.lines.find((text) => text.includes('is up"')));
    const { url } = JSON.parse(line) as { url: string };
    const answer = await fetch(`${url}/api/whatsapp/send`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tenant.apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': 'k',
      },
      body: JSON.stringify({ ...GOOD, text: 'another' }),
    });
    return { status: answer.status, body: (await answer.json()) as object };
  } finally {
    await service.stop();
  }
}
