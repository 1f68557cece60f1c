import { createHmac } from 'node:crypto';
import { parseMessageId } from '@mersal/contracts';
import { recipientOf } from '@mersal/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, openFixture, type TestTenant } from './ingress-fixture.js';

/** What another restaurant's key gets from a route when it is used on the victim's things. */
interface Probe {
  /** With the victim's ids. */
  readonly path: () => string;
  readonly body?: () => unknown;
  readonly headers?: () => Record<string, string>;
  readonly status: number;
  /** Needs no key: see the test of its own. */
  readonly open?: true;
}

let fixture: Fixture;
let victim: TestTenant;
let attacker: TestTenant;
let messageId: string;
let keyId: string;
const GOOD = { phoneNumber: '+966501234567', text: 'x' };
const recipient = recipientOf('whatsapp:+966501234567');

const admin = (path: () => string, body?: unknown): Probe => ({
  path,
  status: 403,
  ...(body === undefined ? {} : { body: () => body }),
});

/** Every route of the OpenAPI document: one that is not here fails the test. */
const PROBES: Readonly<Record<string, Probe>> = {
  'post /api/whatsapp/send': {
    path: () => '/api/whatsapp/send',
    body: () => ({ ...GOOD, restaurantId: victim.restaurantId }),
    status: 403,
  },
  'post /api/whatsapp/send/batch': {
    path: () => '/api/whatsapp/send/batch',
    body: () => ({ messages: [{ ...GOOD, restaurantId: victim.restaurantId }] }),
    status: 202,
  },
  'get /api/messages': {
    path: () => `/api/messages?restaurantId=${victim.restaurantId}`,
    status: 403,
  },
  'get /api/messages/{id}': { path: () => `/api/messages/${messageId}`, status: 404 },
  'delete /api/messages/{id}': { path: () => `/api/messages/${messageId}`, status: 404 },
  'get /api/messages/{id}/events': { path: () => `/api/messages/${messageId}/events`, status: 404 },
  'get /api/events': { path: () => `/api/events?restaurantId=${victim.restaurantId}`, status: 403 },
  'get /api/queue/metrics': { path: () => '/api/queue/metrics', status: 403 },
  'get /api/cache/metrics': { path: () => '/api/cache/metrics', status: 403 },
  'get /api/cache/metrics/history': {
    path: () => '/api/cache/metrics/history',
    status: 403,
  },
  'get /api/dead': admin(() => '/api/dead'),
  'get /api/dead/groups': admin(() => '/api/dead/groups'),
  'get /api/dead/{id}': admin(() => `/api/dead/${messageId}`),
  'delete /api/dead/{id}': admin(() => `/api/dead/${messageId}`),
  'post /api/redrives': admin(() => '/api/redrives', { all: true }),
  'get /api/replays': admin(() => '/api/replays'),
  'get /api/replays/{id}': admin(() => '/api/replays/1'),
  'post /api/replays': admin(() => '/api/replays', { from: '2026-01-01T00:00:00Z' }),
  'get /api/tenants': admin(() => '/api/tenants'),
  'post /api/tenants': admin(() => '/api/tenants', {}),
  'get /api/tenants/{restaurantId}': admin(() => `/api/tenants/${victim.restaurantId}`),
  'patch /api/tenants/{restaurantId}': admin(() => `/api/tenants/${victim.restaurantId}`, { name: 'taken' }),
  'post /api/tenants/{restaurantId}/suspend': admin(() => `/api/tenants/${victim.restaurantId}/suspend`, {
    reason: 'x',
  }),
  'post /api/tenants/{restaurantId}/resume': admin(() => `/api/tenants/${victim.restaurantId}/resume`),
  'get /api/keys': admin(() => `/api/keys?restaurantId=${victim.restaurantId}`),
  'post /api/keys': admin(() => '/api/keys', { name: 'x', scopes: ['admin'] }),
  'post /api/keys/{keyId}/rotate': admin(() => `/api/keys/${keyId}/rotate`, {}),
  'delete /api/keys/{keyId}': admin(() => `/api/keys/${keyId}`),
  'get /api/pauses': admin(() => '/api/pauses'),
  'post /api/pauses': admin(() => '/api/pauses', { scope: 'all', reason: 'x' }),
  'delete /api/pauses': admin(() => '/api/pauses?scope=all'),
  'get /api/unknown': admin(() => `/api/unknown?restaurantId=${victim.restaurantId}`),
  'post /api/unknown/{id}/resolve': admin(() => `/api/unknown/${messageId}/resolve`, { decision: 'dead' }),
  'get /api/suppressions': admin(() => `/api/suppressions?restaurantId=${victim.restaurantId}`),
  'post /api/suppressions/lift': {
    path: () => '/api/suppressions/lift',
    body: () => ({ restaurantId: victim.restaurantId, recipient }),
    status: 403,
  },
  'post /api/erasures': {
    path: () => '/api/erasures',
    body: () => ({ restaurantId: victim.restaurantId, phoneNumber: GOOD.phoneNumber, dryRun: false }),
    status: 403,
  },
  'get /api/audit': admin(() => '/api/audit'),
  // Signed with the other's own token, for its own account or for the victim's.
  'post /webhooks/twilio/status': {
    path: () => callbackPath(),
    body: () => new URLSearchParams(CALLBACK()).toString(),
    headers: () => ({
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': createHmac('sha1', attacker.authToken)
        .update(
          `https://mersal.example${callbackPath()}${Object.entries(CALLBACK())
            .toSorted(([x], [y]) => (x < y ? -1 : 1))
            .flat()
            .join('')}`,
        )
        .digest('base64'),
    }),
    status: 403,
    open: true,
  },
};

function callbackPath(): string {
  const query = new URLSearchParams({
    restaurant: victim.restaurantId,
    message: messageId,
    attempt: '1',
    account: victim.accountSid,
  });
  return `/webhooks/twilio/status?${query.toString()}`;
}
const CALLBACK = (): Record<string, string> => ({
  AccountSid: victim.accountSid,
  MessageSid: `SM${'1'.repeat(32)}`,
  MessageStatus: 'delivered',
});

/** All that could have been changed. */
const TABLES = [
  'tenant',
  'account',
  'pause',
  'suppression',
  'audit',
  'message',
  'lane',
  'outbox',
  'message_event',
];
async function everything(): Promise<unknown> {
  const rows = await Promise.all(
    TABLES.map((table) =>
      fixture.database.run({
        name: `all-${table}`,
        text: `select * from ${table} order by 1, 2`,
        values: [],
      }),
    ),
  );
  const keys = await fixture.database.run({
    name: 'all-keys',
    text: 'select id, tenant, name, hash, scopes, expires_at, revoked_at, replaced_by from api_key order by id',
    values: [],
  });
  return [...rows, keys];
}

beforeAll(async () => {
  fixture = await openFixture({ env: { METRICS_AUTH: 'token' } });
  victim = await fixture.tenant('victim-house');
  attacker = await fixture.tenant('attacker');
  keyId = victim.apiKey.split('_')[1] ?? '';
  messageId = (await fixture.send(victim, GOOD)).body['id'] as string;
  const { u, tag } = parseMessageId(messageId) ?? { u: '', tag: '' };
  await fixture.database.run({
    name: 'test-unknown',
    text: `
      insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, accepted_at)
      values ($1, $2, $3, $4, 1, 'c', 5, 1, 5, '-infinity', now())`,
    values: [victim.id, u, tag, victim.partition],
  });
  await fixture.database.run({
    name: 'test-suppressed',
    text: "insert into suppression (tenant, recipient, address, reason) values ($1, decode($2, 'hex'), 'whatsapp:+966501234567', 'x')",
    values: [victim.id, recipient],
  });
}, 120_000);
afterAll(() => fixture?.close());

interface Operation {
  readonly security?: readonly object[];
}

async function operations(): Promise<Map<string, Operation>> {
  const { body } = await fixture.call('GET', '/openapi.json');
  const paths = body['paths'] as Record<string, Record<string, Operation>>;
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
    ),
  );
}

describe('another restaurant’s key', () => {
  it('is tried on every route of the OpenAPI document', async () => {
    expect([...(await operations()).keys()].toSorted()).toEqual(Object.keys(PROBES).toSorted());
  });

  it.each(Object.entries(PROBES))(
    '%s: gets nothing of the victim’s, and changes nothing',
    async (name, probe) => {
      const before = await everything();
      const method = name.split(' ')[0]?.toUpperCase() ?? '';
      const body = probe.body?.();
      const answer = await fixture.call(method, probe.path(), {
        key: attacker.apiKey,
        ...(body === undefined ? {} : { body }),
        ...(probe.headers ? { headers: probe.headers() } : {}),
      });
      expect(answer.status).toBe(probe.status);
      const text = JSON.stringify(answer.body);
      for (const own of [victim.accountSid, victim.authToken, victim.apiKey, messageId, 'victim-house'])
        expect(text).not.toContain(own);
      if (name === 'post /api/whatsapp/send/batch')
        expect(answer.body['results']).toMatchObject([{ error: { code: 'forbidden' } }]);
      expect(await everything()).toEqual(before);
    },
  );

  it.each(Object.entries(PROBES).filter(([, { open }]) => open !== true))(
    '%s: without a key, or with a wrong one, there is nothing at all',
    async (name, probe) => {
      expect((await operations()).get(name)?.security).toHaveLength(1);
      const method = name.split(' ')[0]?.toUpperCase() ?? '';
      const body = probe.body?.();
      for (const key of [
        undefined,
        `${victim.apiKey.slice(0, -1)}${victim.apiKey.endsWith('x') ? 'y' : 'x'}`,
      ]) {
        const answer = await fixture.call(method, probe.path(), {
          ...(key === undefined ? {} : { key }),
          ...(body === undefined ? {} : { body }),
        });
        // Beyond the allowance of wrong keys they are not even told apart.
        expect(key === undefined ? [401] : [401, 429]).toContain(answer.status);
      }
    },
  );

  it('its own lists and streams hold its own only', async () => {
    const own = (await fixture.send(attacker, GOOD)).body['id'] as string;
    expect((await fixture.call('DELETE', `/api/messages/${own}`, { key: attacker.apiKey })).status).toBe(200);
    const listed = await fixture.call('GET', '/api/messages', { key: attacker.apiKey });
    expect((listed.body['items'] as { id: string }[]).map(({ id }) => id)).toEqual([own]);
    const cursor = (await fixture.call('GET', '/api/messages?limit=1', { key: victim.apiKey })).body;
    expect((cursor['items'] as { id: string }[]).map(({ id }) => id)).toEqual([messageId]);
    // A filter is no way around, nor is a cursor of the victim's making.
    const place = Buffer.from(`8640000000000000.${'f'.repeat(32)}`).toString('base64url');
    for (const query of ['status=unknown', 'conversationId=c', `cursor=${place}`]) {
      const found = await fixture.call('GET', `/api/messages?${query}`, { key: attacker.apiKey });
      expect(JSON.stringify(found.body)).not.toContain(messageId);
    }
  });

  it('the same Idempotency-Key is another message', async () => {
    const headers = { 'idempotency-key': 'shared' };
    const theirs = await fixture.send(victim, GOOD, headers);
    const ours = await fixture.send(attacker, { ...GOOD, text: 'y' }, headers);
    expect([theirs.status, ours.status]).toEqual([202, 202]);
    expect(ours.body['id']).not.toBe(theirs.body['id']);
  });

  it('a platform’s key without the admin scope changes nothing but messages', async () => {
    const platform = await fixture.key(null, ['send:any', 'read']);
    const before = await everything();
    for (const [name, probe] of Object.entries(PROBES)) {
      if (!/tenants|keys|pauses|unknown|suppressions|erasures|audit/.test(name)) continue;
      const body = probe.body?.();
      const answer = await fixture.call(name.split(' ')[0]?.toUpperCase() ?? '', probe.path(), {
        key: platform,
        ...(body === undefined ? {} : { body }),
      });
      expect([name, answer.status]).toEqual([name, 403]);
    }
    const [keys, ...rest] = [await everything(), before].map((all) => (all as unknown[]).slice(0, -1));
    expect(keys).toEqual(rest[0]);
  });
});
