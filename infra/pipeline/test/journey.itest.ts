import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, post, read, settled } from './api.js';

const RESTAURANTS = ['bayt-al-shawarma', 'najd-kabsa', 'burger-lab', 'zafran'];
const TEXTS = [
  'طلبك رقم ١٠٢ جاهز للاستلام 🥙 شكراً لاختيارك بيت الشاورما',
  'Your order #241 is on its way 🛵 Khalid arrives in about 12 minutes.',
  'تم تأكيد طلبك ✅ وقت التحضير المتوقع ٢٥ دقيقة',
  'Your table for four is confirmed for 8:30 pm. See you soon! 🍽️',
  'السائق أمام الباب 🚗 بالعافية!',
];
let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline({ tenants: RESTAURANTS, latencyMs: 20 });
}, 120_000);
afterAll(() => pipeline?.stop());

describe('the journey', () => {
  it('of one message is told whole: queued, attempted, sent, delivered', async () => {
    const tenant = pipeline.tenant('bayt-al-shawarma');
    const accepted = await call(pipeline, tenant.apiKey, 'POST', '/api/whatsapp/send', {
      phoneNumber: '+966501234567',
      text: TEXTS[0],
      priority: 10,
      metadata: { orderId: '١٠٢', total: 48.5 },
    });
    expect(accepted).toMatchObject({ status: 202, body: { status: 'queued' } });
    const id = accepted.body['id'] as string;
    expect(accepted.headers.get('location')).toContain(id);
    const message = await settled(pipeline, tenant, id, ['delivered', 'read']);
    expect(message).toMatchObject({
      id,
      priority: 10,
      metadata: { orderId: '١٠٢', total: 48.5 },
      attempts: [{ attempt: 1, outcome: 'accepted' }],
    });
    expect(message.sid).toMatch(/^SM[0-9a-f]{32}$/);
    expect(message['traceId']).toMatch(/^[0-9a-f]{32}$/);
    const [seen] = (await pipeline.simulator.requests()).filter((request) => request.messageId === id);
    expect(seen).toMatchObject({
      to: 'whatsapp:+966501234567',
      body: TEXTS[0],
      account: tenant.accountSid,
      sid: message.sid,
    });
  });

  it('of 240 messages of several restaurants ends delivered, each once, each conversation in order', async () => {
    const sent: { restaurant: string; conversation: string; id: string }[] = [];
    for (let n = 0; n < 240; n += 1) {
      const restaurant = RESTAURANTS[n % RESTAURANTS.length] as string;
      const customer = n % 7;
      const conversation = `${restaurant}/${customer}`;
      const id = await post(pipeline, pipeline.tenant(restaurant), {
        phoneNumber: `+96650123${String(4000 + customer)}`,
        text: `${TEXTS[n % TEXTS.length]} (${n})`,
        conversationId: `customer-${customer}`,
      });
      sent.push({ restaurant, conversation, id });
    }
    for (const { restaurant, id } of sent) {
      await settled(pipeline, pipeline.tenant(restaurant), id, ['delivered', 'read']);
    }
    const stats = await pipeline.simulator.stats();
    expect(stats.duplicateIds).toEqual([]);
    expect(stats.maxPerSecond).toBeLessThanOrEqual(80);
    for (const account of Object.values(stats.accounts)) expect(account.maxInFlight).toBeLessThanOrEqual(5);
    const order = (await pipeline.simulator.requests()).map((request) => request.messageId);
    for (const conversation of new Set(sent.map((one) => one.conversation))) {
      const ids = sent.filter((one) => one.conversation === conversation).map((one) => one.id);
      expect(order.filter((id) => id !== null && ids.includes(id))).toEqual(ids);
    }
  });

  it('shows in the queue metrics, which add up', async () => {
    const metrics = await waitFor(async () => {
      const { body } = await call(pipeline, undefined, 'GET', '/api/queue/metrics');
      return body['active'] === 0 && body['waiting'] === 0 ? (body as Record<string, number>) : undefined;
    });
    const { accepted, waiting, active, delayed, completed, failed, cancelled, expired } = metrics;
    expect(accepted).toBe(
      [waiting, active, delayed, completed, failed, cancelled, expired].reduce((a, b) => (a ?? 0) + (b ?? 0)),
    );
  });
});

describe('what goes wrong at the provider', () => {
  it('a 500 is reconciled: the message is not there, it is sent again, once', async () => {
    const tenant = pipeline.tenant('burger-lab');
    await pipeline.simulator.faults({
      rules: [{ match: { account: tenant.accountSid }, action: 'error', httpStatus: 500, count: 1 }],
    });
    const id = await post(pipeline, tenant, {
      phoneNumber: '+447700900123',
      text: 'Your burger is ready 🍔',
    });
    await settled(pipeline, tenant, id, ['unknown']);
    const message = await settled(pipeline, tenant, id, ['delivered', 'read'], 60_000);
    expect(message.attempts).toMatchObject([
      { attempt: 1, outcome: 'not_accepted' },
      { attempt: 2, outcome: 'accepted' },
    ]);
    expect((await pipeline.simulator.stats()).duplicateIds).toEqual([]);
  }, 90_000);

  it('an acceptance whose answer was lost is found by its callback, and not sent again', async () => {
    const tenant = pipeline.tenant('zafran');
    await pipeline.simulator.faults({
      rules: [{ match: { account: tenant.accountSid }, action: 'drop_after_accept', count: 1 }],
    });
    const id = await post(pipeline, tenant, { phoneNumber: '+971501234567', text: 'طلبك في الطريق 🛵' });
    const message = await settled(pipeline, tenant, id, ['delivered', 'read']);
    expect(message.attempts).toHaveLength(1);
    const seen = (await pipeline.simulator.requests()).filter((request) => request.messageId === id);
    expect(seen).toHaveLength(1);
  });

  it('a throttle is retried without using up an attempt, a refusal ends in the dead letters', async () => {
    const tenant = pipeline.tenant('najd-kabsa');
    await pipeline.simulator.faults({
      rules: [
        { match: { account: tenant.accountSid }, action: 'error', httpStatus: 429, code: 20429, count: 1 },
      ],
    });
    const first = await post(pipeline, tenant, { phoneNumber: '+966501234568', text: 'كبستك جاهزة 🍚' });
    expect((await settled(pipeline, tenant, first, ['delivered', 'read'])).attempts).toHaveLength(2);
    await pipeline.simulator.faults({
      rules: [
        { match: { account: tenant.accountSid }, action: 'error', httpStatus: 400, code: 21610, count: 1 },
      ],
    });
    const second = await post(pipeline, tenant, { phoneNumber: '+966501234569', text: 'عرض اليوم: خصم ٢٠٪' });
    const dead = await settled(pipeline, tenant, second, ['dead']);
    expect(dead['error']).toMatchObject({ class: 'opted_out', code: 21610 });
    await pipeline.simulator.clearFaults();
  });
});

it('no line of any service holds a phone number, a text or a token', async () => {
  await read(
    pipeline,
    pipeline.tenant('zafran'),
    await post(pipeline, pipeline.tenant('zafran'), { phoneNumber: '+971501234599', text: 'سرّي' }),
  );
  const lines = pipeline.lines().filter((line) => line.startsWith('{'));
  expect(lines.length).toBeGreaterThan(200);
  const secrets = [
    ...pipeline.tenants.flatMap((tenant) => [tenant.apiKey, tenant.authToken]),
    pipeline.adminToken,
  ];
  for (const line of lines) {
    // Ids are of hex digits, and hold any ten in a row sooner or later: a number stands by itself.
    expect(line).not.toMatch(/(?<![0-9a-f])(9665|9715|4477)\d{6,}(?![0-9a-f])/);
    for (const text of [...TEXTS, 'سرّي']) expect(line).not.toContain(text.slice(0, 12));
    for (const secret of secrets) expect(line).not.toContain(secret);
  }
});
