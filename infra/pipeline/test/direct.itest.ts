import { type Database, openDatabase } from '@mersal/ledger';
import { type Pipeline, type PipelineTenant, startPipeline, waitFor } from '@mersal/testkit';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, live, settled } from './api.js';

let pipeline: Pipeline;
let database: Database;
/** Of the ingress that sends without the queue; the pipeline's own goes through it. */
let direct: string;
beforeAll(async () => {
  pipeline = await startPipeline({
    tenants: ['bayt-al-shawarma', 'najd-kabsa', 'burger-lab', 'zafran'],
    latencyMs: 100,
    env: { TWILIO_TIMEOUT_MS: '3000', RECONCILE_GRACE_MS: '1000', RECONCILE_PAUSE_MS: '1000' },
  });
  database = openDatabase({
    url: pipeline.database,
    max: 1,
    application: 'direct-test',
    onError: () => undefined,
  });
  direct = await pipeline.startIngress('ingress-direct', { WHATSAPP_SEND_QUEUE_ENABLED: 'false' });
}, 120_000);
afterAll(async () => {
  await database?.close();
  await pipeline?.stop();
});
beforeEach(() => pipeline.simulator.clearFaults());

type Answer = Awaited<ReturnType<typeof call>>;

function post(
  tenant: PipelineTenant,
  body: Record<string, unknown>,
  {
    key = randomUUID(),
    at = direct,
    path = '/api/whatsapp/send',
  }: { readonly key?: string; readonly at?: string; readonly path?: string } = {},
): Promise<Answer> {
  return call(pipeline, tenant.apiKey, 'POST', path, body, { 'idempotency-key': key }, at);
}

async function seenOf(id: unknown) {
  return (await pipeline.simulator.requests()).filter((request) => request.messageId === id);
}

function fault(tenant: PipelineTenant, rule: object): Promise<void> {
  return pipeline.simulator.faults({
    rules: [{ match: { account: tenant.accountSid, route: 'create' }, ...rule }],
  });
}

describe('without the queue', () => {
  it('the answer is the provider’s, a repeat gives the same, another body is refused', async () => {
    const tenant = pipeline.tenant('zafran');
    const body = { phoneNumber: '+966501234567', text: 'طلبك رقم ١٠٢ جاهز 🥙', metadata: { orderId: '١٠٢' } };
    const key = randomUUID();
    const first = await post(tenant, body, { key });
    expect(first).toMatchObject({ status: 200, body: { status: 'sent', metadata: { orderId: '١٠٢' } } });
    expect(first.body['sid']).toMatch(/^SM[0-9a-f]{32}$/);
    const { id, sid } = first.body;
    expect(await post(tenant, body, { key })).toMatchObject({ status: 200, body: { id, sid } });
    expect(await post(tenant, body, { key, at: pipeline.ingress })).toMatchObject({ body: { id } });
    expect(await post(tenant, { ...body, text: 'غيره' }, { key })).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    const message = await settled(pipeline, tenant, id as string, ['delivered', 'read']);
    expect(message).toMatchObject({ sid, attempts: [{ attempt: 1, outcome: 'accepted' }] });
    expect(await seenOf(id)).toHaveLength(1);
  });

  it('a refusal for good is 422, and stays one', async () => {
    const tenant = pipeline.tenant('burger-lab');
    await fault(tenant, { action: 'error', httpStatus: 400, code: 21211, count: 1 });
    const body = { phoneNumber: '+447700900123', text: 'Your burger is ready 🍔' };
    const key = randomUUID();
    for (let n = 0; n < 2; n += 1)
      expect(await post(tenant, body, { key })).toMatchObject({
        status: 422,
        body: { code: 'provider_rejected' },
      });
  });

  it('what may pass is 503 with Retry-After; the same key then sends it, once', async () => {
    const tenant = pipeline.tenant('najd-kabsa');
    await fault(tenant, { action: 'error', httpStatus: 429, code: 20429, count: 1 });
    const body = { phoneNumber: '+966501234568', text: 'كبستك جاهزة 🍚' };
    const key = randomUUID();
    const refused = await post(tenant, body, { key });
    expect(refused).toMatchObject({ status: 503, body: { code: 'provider_unavailable', accepted: false } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // The provider's limit pauses the restaurant or its number for a while.
    const sent = await waitFor(
      async () => {
        const answer = await post(tenant, body, { key });
        return answer.status === 200 ? answer : undefined;
      },
      { timeoutMs: 60_000, describe: 'the pause to be over' },
    );
    expect((await seenOf(sent.body['id'])).map((one) => one.status)).toEqual([429, 201]);
  });

  it('what was refused here and is posted again through the queue is sent by the queue', async () => {
    const tenant = pipeline.tenant('burger-lab');
    await fault(tenant, { action: 'error', httpStatus: 429, code: 20429, count: 1 });
    const body = { phoneNumber: '+447700900199', text: 'Fries are coming 🍟' };
    const key = randomUUID();
    expect(await post(tenant, body, { key })).toMatchObject({ status: 503 });
    const queued = await post(tenant, body, { key, at: pipeline.ingress });
    expect(queued).toMatchObject({ status: 202, body: { status: 'queued' } });
    const id = queued.body['id'] as string;
    await settled(pipeline, tenant, id, ['delivered', 'read'], 60_000);
    expect((await seenOf(id)).map((one) => one.status)).toEqual([429, 201]);
  });

  it('what gets no answer is found out by a sender, and sent again by the queue where it must', async () => {
    const tenant = pipeline.tenant('zafran');
    await fault(tenant, { action: 'drop_before_accept', count: 1 });
    const unknown = await post(tenant, { phoneNumber: '+971501234567', text: 'في الطريق 🛵' });
    expect(unknown).toMatchObject({ status: 202, body: { status: 'unknown' } });
    const id = unknown.body['id'] as string;
    const found = await settled(pipeline, tenant, id, ['delivered', 'read'], 60_000);
    expect(found.attempts).toMatchObject([
      { attempt: 1, outcome: 'not_accepted' },
      { attempt: 2, outcome: 'accepted' },
    ]);
    expect((await seenOf(id)).filter((one) => one.sid !== null)).toHaveLength(1);
  });

  it('at most five of a restaurant are under way, the rate holds, a batch is answered in order', async () => {
    const tenant = pipeline.tenant('bayt-al-shawarma');
    const messages = Array.from({ length: 20 }, (_, n) => ({
      phoneNumber: `+96650123${String(5000 + n)}`,
      text: `عرض ${n}`,
    }));
    const answer = await post(tenant, { messages }, { path: '/api/whatsapp/send/batch' });
    expect(answer.status).toBe(202);
    const results = answer.body['results'] as { id: string; status: string; sid: string }[];
    expect(results.map((one) => one.status)).toEqual(messages.map(() => 'sent'));
    const seen = await pipeline.simulator.requests();
    expect(results.map((one) => seen.find((request) => request.messageId === one.id)?.to.slice(-4))).toEqual(
      messages.map((one) => one.phoneNumber.slice(-4)),
    );
    const stats = await pipeline.simulator.stats();
    const { maxInFlight } = stats.accounts[tenant.accountSid] ?? { maxInFlight: 0 };
    expect(maxInFlight).toBeGreaterThan(1);
    expect(maxInFlight).toBeLessThanOrEqual(5);
    expect(stats.maxPerSecond).toBeLessThanOrEqual(80);
    expect(
      await call(pipeline, tenant.apiKey, 'GET', '/api/queue/metrics', undefined, {}, direct),
    ).toMatchObject({ status: 200, body: { active: 0 } });
  });

  it('its breakers and what its calls take are told like a sender’s', async () => {
    const tenant = pipeline.tenant('najd-kabsa');
    const send = { phoneNumber: '+966501234569', text: 'كبسة' };
    await fault(tenant, { action: 'error', httpStatus: 503, code: 20503 });
    const seen = await waitFor(
      async () => {
        await post(tenant, send);
        const { breakers } = await live(pipeline);
        return breakers.find((one) => one.accountSid === tenant.accountSid);
      },
      { timeoutMs: 30_000, describe: 'the account’s breaker to be told of' },
    );
    expect(seen).toMatchObject({ instances: ['ingress-direct'], restaurantIds: ['najd-kabsa'] });
    expect((await live(pipeline)).latency).toMatchObject({ call: { p99Ms: expect.any(Number) } });
    const own = await database.run({
      name: '',
      text: `select n from latency, unnest(calls) n where member like 'ingress-direct/%' and n > 0`,
      values: [],
    });
    expect(own).not.toEqual([]);
    await pipeline.simulator.clearFaults();
    await waitFor(
      async () => {
        await post(tenant, send);
        const { breakers } = await live(pipeline);
        return breakers.length === 0 ? true : undefined;
      },
      { timeoutMs: 60_000, describe: 'the breakers to be closed' },
    );
  }, 120_000);

  it('a time ahead needs the queue', async () => {
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const answer = await post(pipeline.tenant('zafran'), {
      phoneNumber: '+966501234567',
      text: 'غداً',
      sendAt,
    });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ pointer: '/sendAt', code: 'needs_queue' }] },
    });
  });
});

describe('switching over', () => {
  it('under load, with the same keys on both ways at once, loses and repeats nothing', async () => {
    const tenants = ['zafran', 'burger-lab'].map((name) => pipeline.tenant(name));
    const posts = Array.from({ length: 60 }, (_, n) => ({
      tenant: tenants[n % 2] as PipelineTenant,
      key: randomUUID(),
      body: {
        phoneNumber: `+96650124${String(1000 + (n % 9))}`,
        text: `طلب ${n}`,
        conversationId: `c${n % 9}`,
      },
    }));
    const answers = await Promise.all(
      posts.flatMap(({ tenant, key, body }, n) => {
        const ways = n % 2 === 0 ? [direct, pipeline.ingress] : [pipeline.ingress, direct];
        return ways.map((at) => post(tenant, body, { key, at }));
      }),
    );
    for (const answer of answers) expect([200, 202, 429, 503]).toContain(answer.status);
    for (const [n, { tenant }] of posts.entries()) {
      const pair = [answers[2 * n], answers[2 * n + 1]];
      const id = pair.find((one) => one?.body['id'] !== undefined)?.body['id'] as string;
      await settled(pipeline, tenant, id, ['delivered', 'read'], 60_000);
      const accepted = (await seenOf(id)).filter((one) => one.sid !== null);
      expect(accepted).toHaveLength(1);
    }
    const stats = await pipeline.simulator.stats();
    expect(stats.duplicateIds).toEqual([]);
    for (const account of Object.values(stats.accounts)) expect(account.maxInFlight).toBeLessThanOrEqual(5);
    expect(stats.maxPerSecond).toBeLessThanOrEqual(80);
  }, 120_000);

  it('works while Kafka is away', async () => {
    const alone = await pipeline.startIngress('ingress-without-kafka', {
      WHATSAPP_SEND_QUEUE_ENABLED: 'false',
      KAFKA_BROKERS: '127.0.0.1:1',
    });
    const body = { phoneNumber: '+966501234567', text: 'بدون كافكا' };
    expect(await post(pipeline.tenant('zafran'), body, { at: alone })).toMatchObject({
      status: 200,
      body: { status: 'sent' },
    });
  });
});
