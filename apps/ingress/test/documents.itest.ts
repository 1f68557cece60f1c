import { afterAll, beforeAll, expect, it } from 'vitest';
import { messageSchema } from '../src/messages/message-body.js';
import { cacheHistorySchema } from '../src/metrics/cache-history.js';
import { cacheMetricsSchema } from '../src/metrics/cache-metrics.js';
import { queueMetricsSchema } from '../src/metrics/queue-metrics.js';
import { batchAnswer } from '../src/sends/post-batch.js';
import { acceptedSchema } from '../src/sends/send-answers.js';
import { type Fixture, openFixture } from './ingress-fixture.js';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
}, 120_000);
afterAll(() => fixture?.close());

interface Operation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
}

it('the OpenAPI document names every route, its key and its problems', async () => {
  const { status, body } = await fixture.call('GET', '/openapi.json');
  expect({ status, openapi: body['openapi'] }).toEqual({ status: 200, openapi: '3.1.0' });
  const paths = body['paths'] as Record<string, Record<string, Operation>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
  );
  expect(operations.map(({ name }) => name).toSorted()).toEqual([
    'delete /api/dead/{id}',
    'delete /api/keys/{keyId}',
    'delete /api/messages/{id}',
    'delete /api/pauses',
    'get /api/audit',
    'get /api/cache/metrics',
    'get /api/cache/metrics/history',
    'get /api/dead',
    'get /api/dead/groups',
    'get /api/dead/{id}',
    'get /api/events',
    'get /api/keys',
    'get /api/messages',
    'get /api/messages/{id}',
    'get /api/messages/{id}/events',
    'get /api/pauses',
    'get /api/queue/metrics',
    'get /api/replays',
    'get /api/replays/{id}',
    'get /api/suppressions',
    'get /api/tenants',
    'get /api/tenants/{restaurantId}',
    'get /api/unknown',
    'patch /api/tenants/{restaurantId}',
    'post /api/erasures',
    'post /api/keys',
    'post /api/keys/{keyId}/rotate',
    'post /api/pauses',
    'post /api/redrives',
    'post /api/replays',
    'post /api/suppressions/lift',
    'post /api/tenants',
    'post /api/tenants/{restaurantId}/resume',
    'post /api/tenants/{restaurantId}/suspend',
    'post /api/unknown/{id}/resolve',
    'post /api/whatsapp/send',
    'post /api/whatsapp/send/batch',
    'post /webhooks/twilio/status',
  ]);
  for (const { name, responses, security } of operations) {
    expect(Object.keys(responses).some((code) => code.startsWith('2'))).toBe(true);
    for (const [code, response] of Object.entries(responses)) {
      if (Number(code) >= 400)
        expect(Object.keys(response.content ?? {})).toEqual(['application/problem+json']);
    }
    const open = name.includes('metrics') || name.includes('webhooks');
    expect({ name, keyed: (security ?? []).length > 0 }).toEqual({ name, keyed: !open });
  }
  const callback = paths['/webhooks/twilio/status']?.['post'];
  expect(Object.keys(callback?.requestBody?.content ?? {})).toEqual(['application/x-www-form-urlencoded']);
});

it('answers are as documented', async () => {
  const tenant = await fixture.tenant('r1');
  const good = { phoneNumber: '+966501234567', text: 'x', metadata: { a: 1 } };
  const sent = await fixture.send(tenant, good);
  expect(acceptedSchema.strict().safeParse(sent.body).error).toBeUndefined();
  const batch = await fixture.call('POST', '/api/whatsapp/send/batch', {
    key: tenant.apiKey,
    body: { messages: [good, {}] },
  });
  expect(batchAnswer.strict().safeParse(batch.body).error).toBeUndefined();
  const message = await fixture.call('GET', `/api/messages/${sent.body['id'] as string}`, {
    key: tenant.apiKey,
  });
  expect(messageSchema.strict().safeParse(message.body).error).toBeUndefined();
  const queue = await fixture.call('GET', '/api/queue/metrics');
  expect(queueMetricsSchema.strict().safeParse(queue.body).error).toBeUndefined();
  const cache = await fixture.call('GET', '/api/cache/metrics');
  expect(cacheMetricsSchema.strict().safeParse(cache.body).error).toBeUndefined();
  const history = await fixture.call('GET', '/api/cache/metrics/history?key=menu');
  expect(cacheHistorySchema.strict().safeParse(history.body).error).toBeUndefined();
});

it('/docs shows it, and loads nothing from elsewhere', async () => {
  const page = await fetch(`${fixture.url}/docs`);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('content-security-policy')).not.toContain('upgrade-insecure-requests');
  const html = await page.text();
  expect(html).toContain('Swagger UI');
  expect(html).not.toMatch(/(src|href)="https?:/);
  const script = await fetch(`${fixture.url}/docs/static/swagger-ui-bundle.js`);
  expect(script.status).toBe(200);
});
