import { request as httpRequest } from 'node:http';
import { topicNames } from '@mersal/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Fixture, openFixture, type TestTenant } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
let other: TestTenant;
const GOOD = { phoneNumber: '+966501234567', text: 'طلبك رقم ١٠٢ جاهز 🥙' };
beforeAll(async () => {
  // Nothing here is about time: on a busy machine a batch of 1,000 takes long.
  fixture = await openFixture({ env: { PRODUCE_DEADLINE_MS: '20000' } });
  tenant = await fixture.tenant('bayt-al-shawarma');
  other = await fixture.tenant('zafran');
}, 120_000);
afterAll(() => fixture?.close());

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer).toMatchObject({ status, body: { status, code, type: `urn:mersal:problem:${code}` } });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.js|stack/);
}

const sendTopic = (): string => topicNames(fixture.queue).send;

describe('a key', () => {
  it.each([
    ['none at all', {}],
    ['another scheme', { authorization: 'Basic abc' }],
    ['no key', { authorization: 'Bearer ' }],
    ['an unknown one', { authorization: `Bearer mk_${'a'.repeat(16)}_${'b'.repeat(48)}` }],
    ['of no form of ours', { authorization: 'Bearer whatever' }],
  ])('%s → 401', async (_name, headers) => {
    const answer = await fixture.call('POST', '/api/whatsapp/send', { body: GOOD, headers });
    expectProblem(answer, 401, 'unauthorized');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="mersal"/);
  });

  it('with the id of a real one and another secret → 401', async () => {
    const forged = tenant.apiKey.replace(/.{8}$/, 'AAAAAAAA');
    const answer = await fixture.call('POST', '/api/whatsapp/send', { key: forged, body: GOOD });
    expectProblem(answer, 401, 'unauthorized');
  });

  it('without the scope → 403', async () => {
    const key = await fixture.key(tenant.id, ['read']);
    expectProblem(await fixture.call('POST', '/api/whatsapp/send', { key, body: GOOD }), 403, 'forbidden');
  });

  it('that is revoked stops working within 5 s', async () => {
    const key = await fixture.key(tenant.id, ['send']);
    expect((await fixture.call('POST', '/api/whatsapp/send', { key, body: GOOD })).status).toBe(202);
    await fixture.database.run({
      name: 'revoke',
      text: 'update api_key set revoked_at = now() where id = $1',
      values: [key.split('_')[1]],
    });
    const revokedAt = performance.now();
    await expect
      .poll(async () => (await fixture.call('POST', '/api/whatsapp/send', { key, body: GOOD })).status, {
        timeout: 8_000,
        interval: 200,
      })
      .toBe(401);
    expect(performance.now() - revokedAt).toBeLessThan(6_500);
  });
});

describe('whose message it is', () => {
  it('a restaurant’s key names nobody', async () => {
    for (const restaurantId of ['zafran', 'bayt-al-shawarma']) {
      expectProblem(await fixture.send(tenant, { ...GOOD, restaurantId }), 403, 'forbidden');
    }
  });

  it('a platform key must name a restaurant that there is', async () => {
    const key = await fixture.key(null, ['send:any']);
    const named = await fixture.call('POST', '/api/whatsapp/send', {
      key,
      body: { ...GOOD, restaurantId: 'zafran' },
    });
    expect(named).toMatchObject({ status: 202, body: { restaurantId: 'zafran' } });
    const unnamed = await fixture.call('POST', '/api/whatsapp/send', { key, body: GOOD });
    expectProblem(unnamed, 400, 'validation_failed');
    expect(unnamed.body['errors']).toMatchObject([{ pointer: '/restaurantId', code: 'required' }]);
    const unknown = await fixture.call('POST', '/api/whatsapp/send', {
      key,
      body: { ...GOOD, restaurantId: 'nobody' },
    });
    expect(unknown.body['errors']).toMatchObject([{ pointer: '/restaurantId', code: 'unknown' }]);
  });

  it('the first admin’s token may do all that a platform key may', async () => {
    const body = { ...GOOD, restaurantId: 'zafran' };
    const answer = await fixture.call('POST', '/api/whatsapp/send', { key: fixture.adminToken, body });
    expect(answer.status).toBe(202);
  });
});

describe('a bad body', () => {
  it('tells every fault at once', async () => {
    const answer = await fixture.send(tenant, { phoneNumber: '12345', text: '', priority: 99, nonsense: 1 });
    expectProblem(answer, 400, 'validation_failed');
    const errors = answer.body['errors'] as { pointer: string; code: string; message: string }[];
    expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/nonsense',
      '/phoneNumber',
      '/priority',
      '/text',
    ]);
    for (const { message } of errors) expect(message.length).toBeGreaterThan(5);
  });

  it.each([
    ['not JSON', '{"phoneNumber": ', 400, 'malformed_json'],
    ['empty', '', 400, 'malformed_json'],
    ['another object’s prototype', '{"__proto__": {"text": "x"}}', 400, 'malformed_json'],
    ['a list', '[]', 400, 'validation_failed'],
    ['null', 'null', 400, 'validation_failed'],
    ['nested without end', `{"metadata":${'['.repeat(9_000)}${']'.repeat(9_000)}}`, 400, 'validation_failed'],
  ])('%s → %s', async (_name, body, status, code) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fixture.call('POST', '/api/whatsapp/send', { key: tenant.apiKey, body, headers });
    expectProblem(answer, status, code);
  });

  it('over 64 KB → 413, also where it does not say its length', async () => {
    const answer = await fixture.send(tenant, { ...GOOD, text: 'x'.repeat(70_000) });
    expectProblem(answer, 413, 'body_too_large');
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${fixture.url}/api/whatsapp/send`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tenant.apiKey}`, 'content-type': 'application/json' },
      });
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      request.write(`{"text":"${'x'.repeat(40_000)}`);
      request.end(`${'x'.repeat(40_000)}"}`);
    });
    expect(status).toBe(413);
  });

  it('of another media type → 415', async () => {
    const answer = await fixture.send(tenant, '<send/>', { 'content-type': 'text/xml' });
    expectProblem(answer, 415, 'unsupported_media_type');
  });

  it('leaves nothing in the log', async () => {
    const before = (await fixture.records(sendTopic())).length;
    await fixture.send(tenant, { ...GOOD, phoneNumber: '1' });
    await fixture.send(tenant, '{');
    expect((await fixture.records(sendTopic())).length).toBe(before);
  });
});

describe('a place that is none', () => {
  it('unknown paths → 404, known ones with another method → 405', async () => {
    expectProblem(await fixture.call('GET', '/api/nothing'), 404, 'not_found');
    expectProblem(await fixture.call('GET', '/%zz'), 404, 'not_found');
    expectProblem(
      await fixture.call('GET', `/api/messages/${'x'.repeat(500)}`, { key: tenant.apiKey }),
      404,
      'not_found',
    );
    const answer = await fixture.call('PUT', '/api/messages/abc');
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe('DELETE, GET, HEAD');
  });
});

describe('Idempotency-Key', () => {
  it('50 times at once gives one id, and each is published', async () => {
    const before = (await fixture.records(sendTopic())).length;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => fixture.send(tenant, GOOD, { 'idempotency-key': 'order-102' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = new Set(answers.map(({ body }) => body['id']));
    expect(ids.size).toBe(1);
    const records = (await fixture.records(sendTopic())).slice(before);
    expect(records).toHaveLength(50);
    expect(new Set(records.map(({ event }) => event?.id))).toEqual(ids);
  });

  it('does not mind the order of fields, and is another restaurant’s own', async () => {
    const [one, two] = [
      await fixture.send(tenant, GOOD, { 'idempotency-key': 'k-1' }),
      await fixture.send(
        tenant,
        { text: GOOD.text, phoneNumber: GOOD.phoneNumber },
        { 'idempotency-key': 'k-1' },
      ),
    ];
    expect(two.body['id']).toBe(one.body['id']);
    const theirs = await fixture.send(other, { ...GOOD, text: 'x' }, { 'idempotency-key': 'k-1' });
    expect(theirs.status).toBe(202);
    expect(theirs.body['id']).not.toBe(one.body['id']);
  });

  it('with another body → 422', async () => {
    await fixture.send(tenant, GOOD, { 'idempotency-key': 'k-2' });
    const answer = await fixture.send(tenant, { ...GOOD, text: 'another' }, { 'idempotency-key': 'k-2' });
    expectProblem(answer, 422, 'idempotency_key_reused');
  });

  it('that is none → 400', async () => {
    expectProblem(await fixture.send(tenant, GOOD, { 'idempotency-key': 'a b' }), 400, 'validation_failed');
  });
});

describe('a batch', () => {
  const post = (messages: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    fixture.call('POST', '/api/whatsapp/send/batch', { key: tenant.apiKey, body: { messages }, headers });

  it('is answered in order; a bad one does not fail the rest', async () => {
    const before = (await fixture.records(sendTopic())).length;
    const answer = await post([
      GOOD,
      { ...GOOD, phoneNumber: 'none' },
      { ...GOOD, restaurantId: 'zafran' },
      GOOD,
    ]);
    expect(answer).toMatchObject({
      status: 202,
      body: {
        results: [
          { status: 'queued' },
          { error: { code: 'validation_failed', errors: [{ pointer: '/phoneNumber' }] } },
          { error: { code: 'forbidden' } },
          { status: 'queued' },
        ],
      },
    });
    const results = answer.body['results'] as { id?: string }[];
    const records = (await fixture.records(sendTopic())).slice(before);
    expect(records.map(({ event }) => event?.id)).toEqual([results[0]?.id, results[3]?.id]);
  });

  it('of 1,000 is taken, of 1,001 and of none is not', async () => {
    const results = (await post(Array.from({ length: 1_000 }, () => GOOD))).body['results'] as {
      id: string;
    }[];
    expect(new Set(results.map(({ id }) => id)).size).toBe(1_000);
    expectProblem(await post(Array.from({ length: 1_001 }, () => GOOD)), 400, 'validation_failed');
    expectProblem(await post([]), 400, 'validation_failed');
    expectProblem(await post('x'), 400, 'validation_failed');
  });

  it('over 2 MB → 413', async () => {
    const large = Array.from({ length: 1_000 }, () => ({ ...GOOD, text: 'x'.repeat(2_200) }));
    expectProblem(await post(large), 413, 'body_too_large');
  });

  it('may be repeated: the key counts for each item by its place, apart from single sends', async () => {
    const headers = { 'idempotency-key': 'b-1' };
    const [one, two] = [await post([GOOD, GOOD], headers), await post([GOOD, GOOD], headers)];
    const ids = (answer: Answer) => (answer.body['results'] as { id: string }[]).map(({ id }) => id);
    expect(ids(two)).toEqual(ids(one));
    expect(new Set(ids(one)).size).toBe(2);
    const single = await fixture.send(tenant, GOOD, headers);
    expect(ids(one)).not.toContain(single.body['id']);
  });
});

it('metrics need no key with METRICS_AUTH=none, and are counted', async () => {
  expect(await fixture.call('GET', '/api/queue/metrics')).toMatchObject({
    status: 200,
    body: { accepted: 0, waiting: 0, tenantConcurrency: {} },
  });
  expect(await fixture.call('GET', '/api/cache/metrics')).toMatchObject({
    status: 200,
    body: {
      runtime: { hits: 0, hitRate: null, totalRequests: 0, byKey: {} },
      database: { reachable: true },
      health: { status: 'unknown' },
      alerts: [],
    },
  });
  const scraped = await (await fetch(`${fixture.service.url}/metrics`)).text();
  expect(scraped).toMatch(/mersal_accepted_total(\{[^}]*\})? [1-9]/);
  expect(scraped).toMatch(/mersal_http_requests_total\{[^}]*route="\/api\/whatsapp\/send"[^}]*status="202"/);
  expect(scraped).not.toContain('route="/api/nothing"');
});

it('no line of the run holds a phone number, a text or a token', async () => {
  const { lines } = fixture.service;
  // Lines come through a pipe, in order: once the last send's is here, so are all before it.
  const last = (await fixture.send(tenant, GOOD)).body.id as string;
  await expect.poll(() => lines.some((line) => line.includes(last)), { timeout: 30_000 }).toBe(true);
  expect(lines.length).toBeGreaterThan(100);
  for (const line of lines) {
    expect(line).not.toMatch(/\+?966501234567/);
    expect(line).not.toContain('طلبك رقم');
    for (const secret of [tenant.apiKey, tenant.authToken, other.apiKey, fixture.adminToken]) {
      expect(line).not.toContain(secret);
    }
    for (const name of ['CREDENTIALS_KEY', 'ID_KEYS', 'ADMIN_TOKEN_HASH']) {
      expect(line).not.toContain(fixture.env[name]);
    }
  }
});
