import { topicNames } from '@mersal/contracts';
import { startService, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, type Fixture, openFixture, type TestTenant } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
let other: TestTenant;
const GOOD = { phoneNumber: '+966501234567', text: 'x' };
beforeAll(async () => {
  // One in 200 s: however slow the machine, what is gone does not come back within the test.
  fixture = await openFixture({ env: { INGRESS_RATE_PER_TENANT: '0.005' } });
  tenant = await fixture.tenant('r1');
  other = await fixture.tenant('r2');
}, 120_000);
afterAll(() => fixture?.close());

const tooMany = (answer: Answer): void => {
  expect(answer).toMatchObject({ status: 429, body: { code: 'rate_limited', accepted: false } });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(100);
  expect(answer.headers.get('ratelimit-limit')).toBe('1');
  expect(answer.headers.get('ratelimit-remaining')).toBe('0');
};

it('a restaurant over its rate gets 429, by every instance; another is not touched; nothing of it is in the log', async () => {
  const sent = await fixture.send(tenant, GOOD);
  expect(sent.status).toBe(202);
  expect(sent.headers.get('ratelimit-remaining')).toBe('0');
  expect(Number(sent.headers.get('ratelimit-reset'))).toBeGreaterThan(100);
  tooMany(await fixture.send(tenant, GOOD));
  const beside = await startService({ app: 'ingress', name: 'beside', env: fixture.env });
  try {
    const line = await waitFor(() => beside.lines.find((text) => text.includes('is up"')));
    const { url } = JSON.parse(line) as { url: string };
    const there = await fetch(`${url}/api/whatsapp/send`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(GOOD),
    });
    expect(there.status).toBe(429);
  } finally {
    await beside.stop();
  }
  expect((await fixture.send(other, GOOD)).status).toBe(202);
  expect(await fixture.records(topicNames(fixture.queue).send)).toHaveLength(2);
});

it('a batch over several restaurants is taken where there is room; where there is none it is refused whole', async () => {
  await fixture.tenant('r3');
  const platform = await fixture.key(null, ['send:any']);
  const batch = (...restaurants: string[]): Promise<Answer> =>
    fixture.call('POST', '/api/whatsapp/send/batch', {
      key: platform,
      body: { messages: restaurants.map((restaurantId) => ({ ...GOOD, restaurantId })) },
    });
  const mixed = await batch('r1', 'r3', 'r3', 'nobody');
  expect(mixed).toMatchObject({
    status: 202,
    body: {
      results: [
        { error: { code: 'rate_limited' } },
        { status: 'queued', restaurantId: 'r3' },
        { status: 'queued', restaurantId: 'r3' },
        { error: { code: 'validation_failed' } },
      ],
    },
  });
  tooMany(await batch('r1', 'r3'));
});

it('an Idempotency-Key that was refused can be used with another body', async () => {
  const headers = { 'idempotency-key': 'k' };
  tooMany(await fixture.send(tenant, GOOD, headers));
  tooMany(await fixture.send(tenant, { ...GOOD, text: 'another' }, headers));
});
