import { decodeEvent, joinMessageId, randomU, topicNames } from '@mersal/contracts';
import { createAdmin, type InRecord, readRange } from '@mersal/kafka';
import { beginReplay, laneOf, MESSAGE, recipientOf } from '@mersal/ledger';
import { waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Fixture, openFixture, type TestTenant } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
beforeAll(async () => {
  fixture = await openFixture();
  tenant = await fixture.tenant('grills');
}, 120_000);
afterAll(() => fixture?.close());

const TAG = '1aaaaaaaaaaaa';
const admin = (method: string, path: string, body?: unknown): Promise<Answer> =>
  fixture.call(method, path, { key: fixture.adminToken, ...(body === undefined ? {} : { body }) });

/** Messages that were sent, and refused for good. */
async function dead(count: number, code = 63_016): Promise<string[]> {
  const { ledger } = fixture;
  await ledger.ensureSlots([tenant.id], 5);
  const own = await ledger.takeOwnership(tenant.partition, 'test');
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const u = randomU();
    const conversation = `table-${n}`;
    const message = {
      tenant: tenant.id,
      u,
      tag: TAG,
      lane: laneOf(conversation),
      conversation,
      priority: 5,
      acceptedAt: Date.now(),
      sender: 'whatsapp:+14155238886',
      recipient: recipientOf(conversation),
      bodyHash: '00'.repeat(32),
      record: Buffer.from('{"text":"طلبك جاهز"}'),
      headers: {},
      kafkaOffset: BigInt(1_000_000 + n),
    };
    const first = await ledger.admittedOffset(tenant.partition, 'send');
    const heads = await ledger.admitSends(own, { first, next: first }, [message], []);
    const { claims } = await ledger.claim([own], heads, { leaseMs: 20_000, concurrency: 5 });
    for (const claim of claims)
      await ledger.settle([
        {
          ...claim,
          state: MESSAGE.dead,
          onward: 'advance',
          counted: true,
          outcome: 'content',
          errorClass: 'content',
          errorCode: code,
          startedAt: Date.now(),
          finishedAt: Date.now(),
          event: 'dead',
          detail: { reason: 'provider_rejected' },
        },
      ]);
    ids.push(joinMessageId(u, TAG));
  }
  return ids;
}

async function recordsOf(topic: string): Promise<InRecord[]> {
  const { connection } = fixture;
  const client = createAdmin({ connection });
  const ends = await client.endOffsets(topic);
  await client.close();
  const ranges = new Map([...ends].map(([partition, to]) => [partition, { from: 0n, to }]));
  const all: InRecord[] = [];
  await readRange({
    connection,
    topic,
    ranges,
    onRecords: async (_partition, records) => void all.push(...records),
  });
  return all;
}

interface Page {
  readonly items: { readonly id: string }[];
  readonly next: string | null;
}

describe('dead letters over the API', () => {
  it('are an admin’s only', async () => {
    const routes: [string, string, object?][] = [
      ['GET', '/api/dead'],
      ['GET', `/api/dead/${'0'.repeat(32)}`],
      ['DELETE', `/api/dead/${'0'.repeat(32)}`],
      ['POST', '/api/redrives', { all: true }],
      ['POST', '/api/replays', { from: new Date().toISOString() }],
      ['GET', '/api/replays'],
    ];
    for (const [method, path, body] of routes) {
      const options = body === undefined ? {} : { body };
      expect([path, (await fixture.call(method, path, options)).status]).toEqual([path, 401]);
      const answer = await fixture.call(method, path, { key: tenant.apiKey, ...options });
      expect([path, answer.status]).toEqual([path, 403]);
    }
  });

  it('are paged, told by name, put back and put away, and each of these is audited', async () => {
    const ids = await dead(5);
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const cursor: string = next === null ? '' : `&cursor=${next}`;
      const { status, body } = await admin('GET', `/api/dead?restaurantId=grills&limit=2${cursor}`);
      expect(status).toBe(200);
      const page = body as unknown as Page;
      seen.push(...page.items.map(({ id }) => id));
      next = page.next;
    } while (next !== null);
    expect(seen).toEqual(ids.toReversed());
    expect((await admin('GET', `/api/dead/${ids[0]}`)).body).toMatchObject({
      id: ids[0],
      kind: 'message',
      reason: 'provider_rejected',
      code: 63_016,
      refusal: null,
    });
    expect((await admin('GET', `/api/dead/${ids[0]?.slice(0, 32)}-1${'b'.repeat(12)}`)).status).toBe(404);
    expect((await admin('GET', '/api/dead?cursor=nonsense')).status).toBe(400);
    expect((await admin('GET', '/api/dead?restaurantId=nobody')).status).toBe(404);

    expect((await admin('DELETE', `/api/dead/${ids[4]}`)).body).toEqual({ id: ids[4], discarded: true });
    expect((await admin('DELETE', `/api/dead/${ids[4]}`)).status).toBe(404);
    const code = '63016';
    const dry = await admin('POST', '/api/redrives', { code, restaurantId: 'grills', dryRun: true });
    expect(dry.body).toEqual({ matched: 4, sent: 4, skipped: 0, reasons: {}, next: null });
    const retry = topicNames(fixture.queue).retry;
    expect(await recordsOf(retry)).toEqual([]);
    const done = await admin('POST', '/api/redrives', { code, restaurantId: 'grills' });
    expect(done.body).toEqual(dry.body);
    const events = (await recordsOf(retry)).map(({ headers, value }) => decodeEvent(headers, value).data);
    expect(events.map((data) => (data as { messageId: string }).messageId)).toEqual(ids.slice(0, 4));
    expect(events[0]).toMatchObject({ priority: 0, redrive: 0, requestedBy: 'first-admin' });
    const audit = await fixture.database.run({
      name: 'test-audit',
      text: "select action, actor, subject from audit where action like 'dead.%' order by n",
      values: [],
    });
    expect(audit).toEqual([
      { action: 'dead.discard', actor: 'first-admin', subject: ids[4] },
      { action: 'dead.redrive', actor: 'first-admin', subject: code },
      { action: 'dead.redriven', actor: 'first-admin', subject: code },
    ]);
  });

  it('have to be named before they are put back', async () => {
    for (const body of [{}, { all: true, code: '1' }, { ids: [] }, { ids: ['x'] }, { all: true, what: 1 }])
      expect([body, (await admin('POST', '/api/redrives', body)).status]).toEqual([body, 400]);
  });
});

describe('a replay over the API', () => {
  it('publishes what the ledger lacks in the background, and tells how far it came', async () => {
    const from = new Date(Date.now() - 1_000).toISOString();
    const sends: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const { body } = await fixture.send(tenant, { phoneNumber: '+966500000001', text: `order ${n}` });
      sends.push(body['id'] as string);
    }
    for (const body of [{}, { from: 'now' }, { resume: 'x' }])
      expect([body, (await admin('POST', '/api/replays', body)).status]).toEqual([body, 400]);
    const begun = await admin('POST', '/api/replays', { from, restaurantId: 'grills' });
    expect([begun.status, begun.headers.get('location')]).toEqual([
      202,
      `/api/replays/${String(begun.body['id'])}`,
    ]);
    const path = begun.headers.get('location') ?? '';
    const ended = await waitFor(
      async () => {
        const { body } = await admin('GET', path);
        return body['state'] === 'ended' ? body : undefined;
      },
      { describe: 'the replay to end' },
    );
    expect(ended).toMatchObject({ matched: 3, sent: 3, skipped: 0, by: 'first-admin' });
    const log = await recordsOf(topicNames(fixture.queue).send);
    const ids = log.map(({ headers }) => String(headers['ce_id']));
    expect(ids).toEqual([...sends, ...sends]);
    expect((await admin('POST', '/api/replays', { resume: begun.body['id'] })).status).toBe(409);
    expect(((await admin('GET', '/api/replays')).body['items'] as object[]).length).toBe(1);
  });

  it('is not resumed while another process runs it', async () => {
    const { database } = fixture;
    const { id } = await beginReplay(database, {
      actor: 'cli:other',
      asked: {},
      restaurantId: 'grills',
      ranges: new Map([[tenant.partition, { from: 0n, to: 3n }]]),
    });
    const path = `/api/replays/${id}`;
    const refused = await admin('POST', '/api/replays', { resume: id });
    expect([refused.status, refused.body['detail']]).toEqual([409, 'another process runs that replay']);
    expect((await admin('GET', path)).body['state']).toBe('running');
    // The other is gone.
    await database.run({ name: '', text: 'update replay set held_until = clock_timestamp()', values: [] });
    expect((await admin('GET', path)).body['state']).toBe('interrupted');
    expect((await admin('POST', '/api/replays', { resume: id })).status).toBe(202);
    await waitFor(async () => (await admin('GET', path)).body['state'] === 'ended', {
      describe: 'the resumed replay to end',
    });
  });
});
