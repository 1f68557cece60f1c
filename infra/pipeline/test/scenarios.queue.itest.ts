import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, post, settled } from './api.js';
import { customer, orderText } from './orders.js';

/** The queue's scenarios, each seen from the provider's side, with a provider that takes 100 ms. */
let pipeline: Pipeline;
const RESTAURANTS = ['concurrency', 'fifo', 'priority', 'cancel', 'expiry', 'later', 'repeat'];
beforeAll(async () => {
  pipeline = await startPipeline({
    tenants: RESTAURANTS,
    latencyMs: 100,
    env: { QUEUE_BACKOFF_DELAY: '500' },
  });
}, 120_000);
afterAll(() => pipeline?.stop());

async function arrived(ids: readonly string[]): Promise<string[]> {
  const wanted = new Set(ids);
  return waitFor(
    async () => {
      const seen = (await pipeline.simulator.requests())
        .filter(
          (request) => request.sid !== null && request.messageId !== null && wanted.has(request.messageId),
        )
        .map((request) => request.messageId as string);
      return seen.length >= ids.length ? seen : undefined;
    },
    { timeoutMs: 40_000, describe: `${ids.length} messages at the provider` },
  );
}

describe('one restaurant', () => {
  it('50 messages: at most 5 at once, and really 5', async () => {
    const tenant = pipeline.tenant('concurrency');
    const ids = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        post(pipeline, tenant, { phoneNumber: customer(n % 10), text: orderText(n) }),
      ),
    );
    await arrived(ids);
    const account = (await pipeline.simulator.stats()).accounts[tenant.accountSid];
    expect(account).toMatchObject({ accepted: 50, maxInFlight: 5 });
  });

  it('20 messages of one conversation arrive in order, also over a failure in their midst', async () => {
    const tenant = pipeline.tenant('fifo');
    await pipeline.simulator.faults({
      latency: { distribution: 'fixed', ms: 100 },
      rules: [
        { match: { account: tenant.accountSid }, action: 'error', httpStatus: 429, code: 20429, count: 1 },
      ],
    });
    const ids: string[] = [];
    for (let n = 0; n < 20; n += 1)
      ids.push(await post(pipeline, tenant, { phoneNumber: customer(1), text: orderText(n) }));
    expect(await arrived(ids)).toEqual(ids);
  });

  it('a higher priority goes first, whatever waits', async () => {
    const tenant = pipeline.tenant('priority');
    const low = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        post(pipeline, tenant, { phoneNumber: customer(n), text: orderText(n), priority: 1 }),
      ),
    );
    const high = await post(pipeline, tenant, {
      phoneNumber: customer(99),
      text: 'طلبك جاهز الآن 🔔',
      priority: 10,
    });
    const order = await arrived([...low, high]);
    expect(order.length - order.indexOf(high)).toBeGreaterThan(15);
  });
});

describe('a message that waits', () => {
  it('until its time is not sent before, and can be cancelled', async () => {
    const tenant = pipeline.tenant('later');
    const sendAt = new Date(Date.now() + 1_500).toISOString();
    const id = await post(pipeline, tenant, { phoneNumber: customer(1), text: 'تذكير بموعدكم 🕗', sendAt });
    await settled(pipeline, tenant, id, ['scheduled']);
    await arrived([id]);
    const [seen] = (await pipeline.simulator.requests()).filter((request) => request.messageId === id);
    expect(seen?.receivedAt).toBeGreaterThanOrEqual(Date.parse(sendAt));
    const cancelled = await post(pipeline, tenant, {
      phoneNumber: customer(2),
      text: 'لن تصل هذه الرسالة',
      sendAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await settled(pipeline, tenant, cancelled, ['scheduled']);
    expect(await call(pipeline, tenant.apiKey, 'DELETE', `/api/messages/${cancelled}`)).toMatchObject({
      status: 200,
    });
    await settled(pipeline, tenant, cancelled, ['cancelled']);
  });

  it('past its expiry is not sent at all', async () => {
    const tenant = pipeline.tenant('expiry');
    await pipeline.simulator.faults({
      latency: { distribution: 'fixed', ms: 100 },
      rules: [
        {
          match: { account: tenant.accountSid },
          action: 'error',
          httpStatus: 429,
          code: 20429,
          retryAfterS: 3,
        },
      ],
    });
    const id = await post(pipeline, tenant, {
      phoneNumber: customer(1),
      text: 'عرض ينتهي سريعاً ⏳',
      expiresAt: new Date(Date.now() + 1_500).toISOString(),
    });
    await settled(pipeline, tenant, id, ['expired']);
    await pipeline.simulator.faults({ latency: { distribution: 'fixed', ms: 100 } });
  });

  it('posted 50 times at once with one key is one message', async () => {
    const tenant = pipeline.tenant('repeat');
    const body = { phoneNumber: customer(1), text: 'طلبك جاهز 🍽️' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        call(pipeline, tenant.apiKey, 'POST', '/api/whatsapp/send', body, {
          'idempotency-key': 'order-77/ready',
        }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    const ids = new Set(answers.map((answer) => answer.body['id'] as string));
    expect(ids.size).toBe(1);
    await settled(pipeline, tenant, [...ids][0] as string, ['delivered', 'read']);
    expect((await pipeline.simulator.stats()).accounts[tenant.accountSid]).toMatchObject({ accepted: 1 });
  });
});

describe('a restaurant whose credentials are wrong', () => {
  it('is suspended, holds its messages, and sends them once they change', async () => {
    const tenant = pipeline.tenant('cancel');
    await pipeline.simulator.faults({
      latency: { distribution: 'fixed', ms: 100 },
      rules: [{ match: { account: tenant.accountSid }, action: 'error', httpStatus: 401, code: 20003 }],
    });
    const id = await post(pipeline, tenant, { phoneNumber: customer(1), text: 'طلبك جاهز' });
    await settled(pipeline, tenant, id, ['held']);
    await pipeline.simulator.faults({ latency: { distribution: 'fixed', ms: 100 } });
    await pipeline.reseed();
    await settled(pipeline, tenant, id, ['delivered', 'read']);
  });
});
