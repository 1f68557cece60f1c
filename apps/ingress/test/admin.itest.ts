import { randomBytes } from 'node:crypto';
import { randomU } from '@mersal/contracts';
import { readAccountToken, parseCredentialKeys, recipientOf } from '@mersal/ledger';
import { TemplateCache } from '@mersal/template-cache';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Fixture, openFixture } from './ingress-fixture.js';

let fixture: Fixture;
const GOOD = { phoneNumber: '+966501234567', text: 'x' };
const sid = () => `AC${randomBytes(16).toString('hex')}`;
beforeAll(async () => {
  fixture = await openFixture();
}, 120_000);
afterAll(() => fixture?.close());

const admin = (method: string, path: string, body?: unknown): Promise<Answer> =>
  fixture.call(method, path, { key: fixture.adminToken, ...(body === undefined ? {} : { body }) });
const audited = async (subject: string): Promise<string[]> => {
  const { body } = await admin('GET', `/api/audit?subject=${encodeURIComponent(subject)}`);
  return (body['items'] as { action: string; actor: string }[]).map(
    ({ action, actor }) => `${actor} ${action}`,
  );
};
const pointers = (answer: Answer): string[] =>
  ((answer.body['errors'] ?? []) as { pointer: string }[]).map(({ pointer }) => pointer).toSorted();

describe('restaurants', () => {
  const token = randomBytes(16).toString('hex');
  const given = {
    restaurantId: 'new.house',
    accountSid: sid(),
    authToken: token,
    fromNumbers: ['+14155238886', 'whatsapp:+14155238887'],
    concurrency: 3,
  };

  it('are created once, and are never shown with their token', async () => {
    const made = await admin('POST', '/api/tenants', given);
    expect(made).toMatchObject({
      status: 201,
      body: {
        restaurantId: 'new.house',
        name: 'new.house',
        status: 'active',
        fromNumbers: ['whatsapp:+14155238886', 'whatsapp:+14155238887'],
        concurrency: 3,
        ratePerSecond: null,
        onDead: 'skip',
        pause: null,
      },
    });
    expect(made.headers.get('location')).toBe('/api/tenants/new.house');
    expect(await admin('POST', '/api/tenants', given)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    const shown = await admin('GET', '/api/tenants/new.house');
    for (const answer of [made, shown, await admin('GET', '/api/tenants')])
      expect(JSON.stringify(answer.body)).not.toContain(token);
    expect(shown.body).toEqual(made.body);
    expect(await audited('new.house')).toEqual(['first-admin tenants.create']);
  });

  it('can send with a key that was made for them', async () => {
    const key = await admin('POST', '/api/keys', {
      restaurantId: 'new.house',
      name: 'till',
      scopes: ['send', 'read'],
    });
    const sent = await fixture.call('POST', '/api/whatsapp/send', {
      key: key.body['key'] as string,
      body: GOOD,
    });
    expect(sent).toMatchObject({ status: 202, body: { restaurantId: 'new.house' } });
  });

  it('are changed field by field; new credentials lift the provider’s suspension, not an operator’s', async () => {
    const changed = await admin('PATCH', '/api/tenants/new.house', { concurrency: null, onDead: 'hold' });
    expect(changed).toMatchObject({
      status: 200,
      body: { concurrency: null, onDead: 'hold', accountSid: given.accountSid },
    });
    const suspend = (by: string) =>
      fixture.database.run({
        name: `test-suspend-${by}`,
        text: "update tenant set status = 'suspended', status_reason = 'code 20003' where restaurant_id = 'new.house'",
        values: [],
      });
    await suspend('provider');
    const accountSid = sid();
    const renewed = await admin('PATCH', '/api/tenants/new.house', { accountSid, authToken: 'renewed' });
    expect(renewed.body).toMatchObject({ status: 'active', statusReason: null, accountSid });
    const keys = parseCredentialKeys(fixture.env['CREDENTIALS_KEY'] as string);
    expect(await readAccountToken(fixture.database, keys, 'new.house', accountSid)).toMatchObject({
      authToken: 'renewed',
    });
    expect(await readAccountToken(fixture.database, keys, 'new.house', given.accountSid)).toMatchObject({
      authToken: token,
    });

    const held = await admin('POST', '/api/tenants/new.house/suspend', { reason: 'unpaid' });
    expect(held.body).toMatchObject({
      status: 'suspended',
      statusReason: 'unpaid',
      suspendedBy: 'first-admin',
    });
    const still = await admin('PATCH', '/api/tenants/new.house', { authToken: 'renewed again' });
    expect(still.body).toMatchObject({ status: 'suspended', statusReason: 'unpaid' });
    const resumed = await admin('POST', '/api/tenants/new.house/resume');
    expect(resumed.body).toMatchObject({ status: 'active', statusReason: null, suspendedBy: null });
    expect(await audited('new.house')).toEqual([
      'first-admin tenants.resume',
      'first-admin tenants.update',
      'first-admin tenants.suspend',
      'first-admin tenants.update',
      'first-admin tenants.update',
      'first-admin tenants.create',
    ]);
    const trail = JSON.stringify((await admin('GET', '/api/audit?limit=200')).body);
    for (const secret of ['renewed', token, '14155238886']) expect(trail).not.toContain(secret);
  });

  it('are refused with all faults at once', async () => {
    const bad = await admin('POST', '/api/tenants', {
      restaurantId: 'a b',
      accountSid: 'AC',
      fromNumbers: ['1'],
      concurrency: 0,
      onDead: 'maybe',
      extra: 1,
    });
    expect(bad).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    expect(pointers(bad)).toEqual([
      '/accountSid',
      '/authToken',
      '/concurrency',
      '/extra',
      '/fromNumbers/0',
      '/onDead',
      '/restaurantId',
    ]);
    const half = await admin('PATCH', '/api/tenants/new.house', { accountSid: sid(), ratePerSecond: -1 });
    expect(pointers(half)).toEqual(['/authToken', '/ratePerSecond']);
    expect((await admin('PATCH', '/api/tenants/new.house', {})).status).toBe(400);
    expect((await admin('PATCH', '/api/tenants/nobody', { name: 'x' })).status).toBe(404);
    expect((await admin('POST', '/api/tenants/nobody/suspend', { reason: 'x' })).status).toBe(404);
    expect((await admin('GET', '/api/tenants/nobody')).status).toBe(404);
  });

  it('are listed page by page', async () => {
    for (const name of ['p1', 'p2', 'p3', 'p4']) await fixture.tenant(name);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await admin('GET', `/api/tenants?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...(body['items'] as { restaurantId: string }[]).map(({ restaurantId }) => restaurantId));
      cursor = body['next'] as string | null;
    }
    expect(seen).toEqual(['new.house', 'p1', 'p2', 'p3', 'p4']);
    expect((await admin('GET', '/api/tenants?cursor=!!')).status).toBe(400);
  });

  it('leave no templates behind with an account, in Postgres or Redis, unless another uses it', async () => {
    const caches: TemplateCache[] = [];
    const cache = (): TemplateCache => {
      const { DATABASE_URL, REDIS_URL } = fixture.env;
      const made = new TemplateCache({ env: { DATABASE_URL, REDIS_URL, LOG_LEVEL: 'silent' } });
      caches.push(made);
      return made;
    };
    try {
      const [old, next] = [sid(), sid()];
      for (const restaurantId of ['leaves.first', 'leaves.last'])
        await admin('POST', '/api/tenants', { ...given, restaurantId, accountSid: old });
      const inOld = { accountSid: old };
      for (const key of ['menu', 'welcome'])
        await cache().getCachedContentSid(key, () => `HXold-${key}`, inOld);
      await cache().getCachedContentSid('menu', () => 'HXnext', { accountSid: next });
      const stored = async (account: string): Promise<number> =>
        (
          await fixture.database.run({
            name: 'test-sids',
            text: 'select from template_sid where account = $1',
            values: [account],
          })
        ).length;
      const change = async (restaurantId: string, body: object): Promise<void> => {
        expect((await admin('PATCH', `/api/tenants/${restaurantId}`, body)).status).toBe(200);
      };
      await change('leaves.first', { accountSid: next, authToken: 'another' });
      await change('leaves.last', { accountSid: old, authToken: 'renewed' });
      expect(await stored(old)).toBe(2);
      await change('leaves.last', { accountSid: next, authToken: 'another' });
      expect([await stored(old), await stored(next)]).toEqual([0, 1]);
      expect(await cache().getCachedContentSid('menu', () => 'HXnew', inOld)).toBe('HXnew');
    } finally {
      await Promise.all(caches.map((one) => one.close()));
    }
  });
});

describe('keys', () => {
  const create = (body: object): Promise<Answer> => admin('POST', '/api/keys', body);
  const metricsWith = async (key: string): Promise<number> =>
    (await fixture.call('GET', '/api/messages', { key })).status;

  it('are shown once, listed by their prefix, and say when they were used', async () => {
    const { restaurantId } = await fixture.tenant('keyed');
    const made = await create({ restaurantId, name: 'till', scopes: ['read'] });
    const key = made.body['key'] as string;
    expect(made).toMatchObject({ status: 201, body: { name: 'till', scopes: ['read'], lastUsedAt: null } });
    expect(key.startsWith(`${made.body['prefix'] as string}_`)).toBe(true);
    expect(await metricsWith(key)).toBe(200);
    const listed = async () => (await admin('GET', '/api/keys?restaurantId=keyed&limit=1')).body;
    await expect
      .poll(async () => ((await listed())['items'] as { lastUsedAt: string | null }[])[0]?.lastUsedAt, {
        timeout: 10_000,
      })
      .toMatch(/^20/);
    expect(JSON.stringify(await listed())).not.toContain(key.slice(key.lastIndexOf('_')));
    // The other is the fixture's own: several at once, newest first.
    expect((await listed())['next']).toEqual(expect.any(String));
    const second = await admin(
      'GET',
      `/api/keys?restaurantId=keyed&cursor=${(await listed())['next'] as string}`,
    );
    expect(second.body).toMatchObject({ items: [{ name: 'test' }], next: null });
  });

  it('are rotated with an overlap, once', async () => {
    const { restaurantId } = await fixture.tenant('rotating');
    const first = (await create({ restaurantId, name: 'till', scopes: ['read'] })).body;
    const path = `/api/keys/${first['keyId'] as string}`;
    const next = await admin('POST', `${path}/rotate`, { overlapSeconds: 3 });
    expect(next).toMatchObject({ status: 201, body: { restaurantId, scopes: ['read'], name: 'till' } });
    expect(await metricsWith(first['key'] as string)).toBe(200);
    expect(await metricsWith(next.body['key'] as string)).toBe(200);
    expect(await admin('POST', `${path}/rotate`, {})).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    await expect
      .poll(() => metricsWith(first['key'] as string), { timeout: 12_000, interval: 200 })
      .toBe(401);
    expect(await metricsWith(next.body['key'] as string)).toBe(200);
    expect((await admin('POST', '/api/keys/nothing1/rotate', {})).status).toBe(404);
    expect(await audited(first['keyId'] as string)).toEqual([
      'first-admin keys.rotate',
      'first-admin keys.create',
    ]);
  });

  it('expire', async () => {
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    const made = await create({ name: 'short', scopes: ['read'], expiresAt });
    const read = async () =>
      (await fixture.call('GET', '/api/messages?restaurantId=rotating', { key: made.body['key'] as string }))
        .status;
    expect(await read()).toBe(200);
    await expect.poll(read, { timeout: 10_000, interval: 100 }).toBe(401);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
  });

  it('are refused with all faults at once', async () => {
    const bad = await create({
      restaurantId: 'keyed',
      scopes: ['admin', 'read', 'fly'],
      expiresAt: '2001-01-01T00:00:00Z',
    });
    expect(pointers(bad)).toEqual(['/expiresAt', '/name', '/scopes/0', '/scopes/2']);
    expect(pointers(await create({ restaurantId: 'nobody', name: 'x', scopes: ['read'] }))).toEqual([
      '/restaurantId',
    ]);
  });
});

describe('pauses', () => {
  it('are set, listed and lifted, of everything, a restaurant or a number', async () => {
    const tenant = await fixture.tenant('pausing');
    const number = tenant.fromNumbers[1];
    const set = (body: object): Promise<Answer> => admin('POST', '/api/pauses', { reason: 'audit', ...body });
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect((await set({ scope: 'all', until })).body).toMatchObject({ until, by: 'first-admin' });
    expect((await set({ scope: 'tenant', restaurantId: 'pausing' })).status).toBe(200);
    expect((await set({ scope: 'sender', restaurantId: 'pausing', number })).status).toBe(200);
    const items = (await admin('GET', '/api/pauses')).body['items'];
    expect(items).toMatchObject([
      { scope: 'all', restaurantId: null, until },
      { scope: 'tenant', restaurantId: 'pausing', until: null, reason: 'audit' },
      { scope: 'sender', restaurantId: 'pausing', number },
    ]);
    expect((await admin('GET', '/api/tenants/pausing')).body['pause']).toEqual({ until: null });
    const lift = (query: string): Promise<Answer> => admin('DELETE', `/api/pauses?${query}`);
    for (const query of [
      'scope=all',
      'scope=tenant&restaurantId=pausing',
      `scope=sender&restaurantId=pausing&number=${encodeURIComponent(number ?? '')}`,
    ]) {
      expect((await lift(query)).status).toBe(200);
      expect((await lift(query)).status).toBe(404);
    }
    expect((await admin('GET', '/api/pauses')).body['items']).toEqual([]);
    expect(await audited('everything')).toEqual(['first-admin queue.resume', 'first-admin queue.pause']);
    expect((await audited('pausing')).length).toBe(4);
  });

  it('are refused with all faults at once', async () => {
    const bad = await admin('POST', '/api/pauses', { scope: 'sender', until: '2001-01-01T00:00:00Z' });
    expect(pointers(bad)).toEqual(['/number', '/reason', '/restaurantId', '/until']);
    expect(pointers(await admin('DELETE', '/api/pauses'))).toEqual(['/scope']);
    const other = await admin('POST', '/api/pauses', {
      scope: 'sender',
      restaurantId: 'pausing',
      number: '+15550000000',
      reason: 'x',
    });
    expect(pointers(other)).toEqual(['/number']);
  });
});

it('unknown outcomes are listed and resolved, once', async () => {
  const tenant = await fixture.tenant('doubtful');
  const u = randomU();
  await fixture.database.run({
    name: 'test-unknown',
    text: `
      insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, accepted_at, error_class)
      values ($1, $2, '1aaaaaaaaaaaa', $3, 1, 'c', 5, 1, 5, '-infinity', now(), 'undecided')`,
    values: [tenant.id, u, tenant.partition],
  });
  const id = `${u}-1aaaaaaaaaaaa`;
  const listed = await admin('GET', '/api/unknown?restaurantId=doubtful');
  expect(listed.body).toMatchObject({
    items: [{ id, restaurantId: 'doubtful', undecided: true }],
    next: null,
  });
  const resolve = (body: object): Promise<Answer> => admin('POST', `/api/unknown/${id}/resolve`, body);
  expect(pointers(await resolve({ decision: 'dead', sid: 'SM1234' }))).toEqual(['/sid']);
  expect(pointers(await resolve({}))).toEqual(['/decision']);
  expect((await resolve({ decision: 'sent', sid: 'SM1234' })).body).toEqual({ id, decision: 'sent' });
  expect(await resolve({ decision: 'sent' })).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect(
    (await admin('POST', `/api/unknown/${randomU()}-1aaaaaaaaaaaa/resolve`, { decision: 'sent' })).status,
  ).toBe(404);
  expect(await fixture.ledger.readMessage(tenant.id, u)).toMatchObject({ status: 'sent', sid: 'SM1234' });
  expect((await admin('GET', '/api/audit?limit=1')).body['items']).toMatchObject([
    { action: 'unknown.sent' },
  ]);
});

it('unknown outcomes come in pages; what is resolved meanwhile moves no other', async () => {
  const tenant = await fixture.tenant('doubts');
  const us = Array.from({ length: 7 }, () => randomU());
  for (const [n, u] of us.entries())
    await fixture.database.run({
      name: 'test-unknowns',
      text: `
        insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, accepted_at, changed_at)
        values ($1, $2, '1aaaaaaaaaaaa', $3, $4, 'c', 5, 1, 5, '-infinity', now(), timestamptz '2026-01-01' + $5 * interval '1 microsecond')`,
      // Two and two at one time.
      values: [tenant.id, u, tenant.partition, n, n >> 1],
    });
  const seen: string[] = [];
  let cursor = '';
  for (;;) {
    const { status, body } = await admin('GET', `/api/unknown?restaurantId=doubts&limit=3${cursor}`);
    expect(status).toBe(200);
    const ids = (body['items'] as { id: string }[]).map(({ id }) => id);
    seen.push(...ids);
    expect((await admin('POST', `/api/unknown/${ids[0]}/resolve`, { decision: 'sent' })).status).toBe(200);
    if (body['next'] === null) break;
    cursor = `&cursor=${body['next'] as string}`;
  }
  expect(seen.toSorted()).toEqual(us.map((u) => `${u}-1aaaaaaaaaaaa`).toSorted());
  expect(pointers(await admin('GET', '/api/unknown?cursor=bm9uZQ'))).toEqual(['/cursor']);
});

it('opt-outs are listed masked, and lifted by number', async () => {
  const tenant = await fixture.tenant('opted');
  for (const digit of [1, 2, 3]) {
    const address = `whatsapp:+96650123456${digit}`;
    await fixture.database.run({
      name: 'test-suppress',
      text: "insert into suppression (tenant, recipient, address, reason) values ($1, decode($2, 'hex'), $3, 'code 21610')",
      values: [tenant.id, recipientOf(address), address],
    });
  }
  const page = await admin('GET', '/api/suppressions?restaurantId=opted&limit=2');
  expect(page.body['items']).toMatchObject([{ reason: 'code 21610' }, { reason: 'code 21610' }]);
  expect(JSON.stringify(page.body)).not.toContain('966501234');
  const rest = await admin(
    'GET',
    `/api/suppressions?restaurantId=opted&cursor=${page.body['next'] as string}`,
  );
  expect((rest.body['items'] as object[]).length).toBe(1);
  const lift = (body: object): Promise<Answer> => admin('POST', '/api/suppressions/lift', body);
  expect((await lift({ restaurantId: 'opted', phoneNumber: '+966501234561' })).status).toBe(200);
  expect((await lift({ restaurantId: 'opted', phoneNumber: '+966501234561' })).status).toBe(404);
  expect(pointers(await lift({ restaurantId: 'opted' }))).toEqual(['/recipient']);
  const recipient = recipientOf('whatsapp:+966501234562');
  expect((await lift({ restaurantId: 'opted', recipient })).status).toBe(200);
  expect(await audited(`opted/${recipient}`)).toEqual(['first-admin suppressions.lift']);
});

it('an admin key in the trail is known by its id; its rights end with it', async () => {
  const made = (await admin('POST', '/api/keys', { name: 'ops', scopes: ['admin'] })).body;
  const key = made['key'] as string;
  const rename = () =>
    fixture.call('PATCH', '/api/tenants/p1', { key, body: { name: 'Haus' } }).then(({ status }) => status);
  expect(await rename()).toBe(200);
  expect((await audited('p1'))[0]).toBe(`key:${made['keyId'] as string} tenants.update`);
  expect((await admin('DELETE', `/api/keys/${made['keyId'] as string}`)).body['revokedAt']).toMatch(/^20/);
  await expect.poll(rename, { timeout: 6_000, interval: 200 }).toBe(401);
  expect((await admin('DELETE', '/api/keys/nothing1')).status).toBe(404);
});
