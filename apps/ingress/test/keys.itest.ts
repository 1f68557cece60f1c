import { apiKeyId, effectiveScopes, revokeKey } from '@mersal/ledger';
import { startService, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, openFixture, type TestTenant } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
const GOOD = { phoneNumber: '+966501234567', text: 'x' };
const wrong = (): string => `mk_${'a'.repeat(16)}_${Math.random().toString(36).slice(2).padEnd(48, 'b')}`;
beforeAll(async () => {
  fixture = await openFixture();
  tenant = await fixture.tenant('r1');
}, 120_000);
afterAll(() => fixture?.close());

it('many wrong keys of one address → 429 with Retry-After; a right one from there works', async () => {
  const look = (key: string) => fixture.call('GET', '/api/messages', { key });
  const statuses: number[] = [];
  for (let n = 0; n < 25; n += 1) statuses.push((await look(wrong())).status);
  expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401));
  const over = await look(wrong());
  expect(over).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
  expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await look('nonsense')).status).toBe(429);
  expect((await look(tenant.apiKey)).status).toBe(200);
  expect((await fixture.send(tenant, GOOD)).status).toBe(202);
  const fresh = await fixture.key(tenant.id, ['read']);
  expect((await look(fresh)).status).toBe(200);
  // No key at all is no guess.
  expect((await fixture.call('GET', '/api/messages')).status).toBe(401);
});

describe('behind a load balancer', () => {
  /** As many guesses as an address has, from each of two callers as the peer names them, and one more of the first. */
  const guesses = async (url: string): Promise<number[]> => {
    const guess = async (forwarded: string): Promise<number> => {
      const headers = { authorization: `Bearer ${wrong()}`, 'x-forwarded-for': forwarded };
      return (await fetch(`${url}/api/messages`, { headers })).status;
    };
    const statuses = new Set<number>();
    // What stands before the proxy's own word is the caller's, who may write what they like.
    for (let n = 0; n < 20; n += 1) statuses.add(await guess(`203.0.113.${n}, 198.51.100.1`));
    expect([...statuses]).toEqual([401]);
    return [
      await guess('198.51.100.1'),
      await guess('203.0.113.99, 198.51.100.1'),
      await guess('198.51.100.2'),
    ];
  };
  const served = async (proxies: string, ask: (url: string) => Promise<void>): Promise<void> => {
    const env = { ...fixture.env, TRUSTED_PROXIES: proxies };
    const service = await startService({ app: 'ingress', name: 'behind', env });
    try {
      const line = await waitFor(() => service.lines.find((text) => text.includes('is up"')));
      await ask((JSON.parse(line) as { url: string }).url);
    } finally {
      await service.stop();
    }
  };

  it('that is trusted, each caller has an address of their own', () =>
    served('192.0.2.0/24,127.0.0.0/8', async (url) => {
      expect(await guesses(url)).toEqual([429, 429, 401]);
    }));

  it('that is not, a forged header changes nothing', () =>
    served('192.0.2.0/24', async (url) => {
      expect(await guesses(url)).toEqual([429, 429, 429]);
    }));
});

it('a revoked key ends on every instance within 5 s', async () => {
  const beside = await startService({ app: 'ingress', name: 'beside', env: fixture.env });
  try {
    const line = await waitFor(() => beside.lines.find((text) => text.includes('is up"')));
    const urls = [fixture.url, (JSON.parse(line) as { url: string }).url];
    const key = await fixture.key(tenant.id, ['read']);
    const look = async (url: string): Promise<number> =>
      (await fetch(`${url}/api/messages`, { headers: { authorization: `Bearer ${key}` } })).status;
    expect(await Promise.all(urls.map(look))).toEqual([200, 200]);
    await revokeKey(fixture.database, apiKeyId(key) ?? '', 'test');
    const revokedAt = performance.now();
    for (const url of urls)
      await waitFor(async () => (await look(url)) === 401, {
        timeoutMs: 5_500,
        describe: `${url} refuses the key`,
      });
    expect(performance.now() - revokedAt).toBeLessThan(5_500);
  } finally {
    await beside.stop();
  }
}, 60_000);

it.each([
  ['a restaurant’s key with a platform’s scopes', ['admin', 'send:any'] as const, true, 403],
  ['a platform’s key without a scope over all', ['send'] as const, false, 403],
])('%s gains nothing by them', async (_name, scopes, own, status) => {
  const key = await fixture.key(own ? tenant.id : null, scopes);
  const other = await fixture.tenant('other');
  const calls: [string, string, object?][] = [
    ['GET', '/api/tenants'],
    ['GET', `/api/messages?restaurantId=${other.restaurantId}`],
    ['POST', '/api/whatsapp/send', { ...GOOD, restaurantId: other.restaurantId }],
  ];
  for (const [method, path, body] of calls)
    expect([path, (await fixture.call(method, path, { key, body })).status]).toEqual([path, status]);
  expect(effectiveScopes(scopes, own ? 'restaurant' : 'platform').size).toBe(0);
});
