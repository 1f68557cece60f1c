import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSendQueueClient, enqueueWhatsAppSend, type RetryClock, SendQueueError } from '../src/index.js';
import { parseRetryAfter, retryDelay } from '../src/retry-policy.js';
import { type Reply, reply, scriptedServer } from './http-server.js';

const TOKEN = 'mk_platform01_0123456789abcdef0123';
const send = {
  restaurantId: 'r1',
  conversationId: 'c1',
  phoneNumber: '+966500000000',
  text: 'Your order is ready!',
  fromNumber: 'whatsapp:+14155238886',
};
const queued = reply(202, { id: 'a-1b', status: 'queued', traceId: 't' });
const away = (headers: Record<string, string> = {}): Reply =>
  reply(503, { code: 'queue_unavailable', title: 'The queue cannot be reached', status: 503 }, headers);

/** Time that passes only by sleeping. */
function manualClock(): RetryClock & { readonly sleeps: number[] } {
  const sleeps: number[] = [];
  let now = 0;
  return {
    sleeps,
    now: () => now,
    wallClock: () => Date.UTC(2026, 0, 1) + now,
    sleep: (ms) => {
      sleeps.push(ms);
      now += ms;
      return Promise.resolve();
    },
  };
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function setUp(script: readonly Reply[], more: { timeoutMs?: number; retries?: number } = {}) {
  const server = await scriptedServer(script);
  closers.push(server.close);
  const clock = manualClock();
  const client = createSendQueueClient({ url: server.url, token: TOKEN, clock, random: () => 0.5, ...more });
  return { ...server, clock, client };
}

async function failureOf(call: Promise<unknown>): Promise<SendQueueError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SendQueueError)) throw new Error('it did not fail as it should', { cause: error });
  return error;
}

describe('enqueueWhatsAppSend', () => {
  it('posts the send with its priority, the key and an idempotency key of its own', async () => {
    const { client, seen } = await setUp([queued]);
    expect(await client.enqueueWhatsAppSend(send, 10)).toEqual({
      id: 'a-1b',
      status: 'queued',
      traceId: 't',
    });
    await client.enqueueWhatsAppSend(send);
    expect(seen[0]).toMatchObject({
      method: 'POST',
      path: '/api/whatsapp/send',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: { ...send, priority: 10 },
    });
    expect(seen[1]?.body).toEqual(send);
    const keys = seen.map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(key).toMatch(/^[\x21-\x7e]{16,255}$/);
  });

  it('repeats under the same idempotency key what may do better, as late as the server asks', async () => {
    const { client, seen, clock } = await setUp([
      away({ 'retry-after': '2' }),
      reply(429, { code: 'rate_limited', title: 'Too many requests' }, { 'retry-after': '1' }),
      (response) => response.destroy(),
      queued,
    ]);
    expect(await client.enqueueWhatsAppSend(send)).toMatchObject({ id: 'a-1b' });
    expect(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(seen).toHaveLength(4);
    expect(clock.sleeps[0]).toBeGreaterThanOrEqual(2_000);
    expect(clock.sleeps[1]).toBeGreaterThanOrEqual(1_000);
    expect(clock.sleeps[2]).toBeLessThanOrEqual(800);
  });

  it('does not repeat what the API refuses, and carries its code and fields', async () => {
    const { client, seen } = await setUp([
      reply(400, {
        code: 'validation_failed',
        title: 'The request has faults',
        errors: [{ pointer: '/phoneNumber', code: 'phone_invalid' }],
      }),
    ]);
    const error = await failureOf(client.enqueueWhatsAppSend(send));
    expect(error).toMatchObject({ code: 'validation_failed', status: 400, accepted: false, attempts: 1 });
    expect(error.errors).toEqual([{ pointer: '/phoneNumber', code: 'phone_invalid' }]);
    expect(seen).toHaveLength(1);
  });

  it('takes the API’s word for a refusal that may have been taken all the same', async () => {
    const limited = { code: 'rate_limited', title: 'Too many', accepted: 'unknown' };
    const { client } = await setUp([reply(429, limited)], { retries: 0 });
    expect(await failureOf(client.enqueueWhatsAppSend(send))).toMatchObject({
      status: 429,
      accepted: 'unknown',
    });
  });

  it('gives up after its retries, and does not wait longer than its deadline allows', async () => {
    const first = await setUp([away()], { retries: 2 });
    expect(await failureOf(first.client.enqueueWhatsAppSend(send))).toMatchObject({
      code: 'queue_unavailable',
      attempts: 3,
      accepted: 'unknown',
    });
    expect(first.seen).toHaveLength(3);

    const second = await setUp([away({ 'retry-after': '3600' })]);
    expect(await failureOf(second.client.enqueueWhatsAppSend(send))).toMatchObject({
      attempts: 1,
      retryAfterMs: 3_600_000,
    });
    expect(second.clock.sleeps).toEqual([]);
  });

  it('does not call a message refused that an earlier request may have handed over', async () => {
    const { client } = await setUp([
      (response) => response.destroy(),
      reply(401, { code: 'unauthorized', title: 'A valid key is needed' }),
    ]);
    const error = await failureOf(client.enqueueWhatsAppSend(send));
    expect(error).toMatchObject({ code: 'unauthorized', accepted: 'unknown', attempts: 2 });
  });

  it('ends a request that gets no answer, and says that the message may have been taken', async () => {
    const { client, seen } = await setUp([() => {}], { timeoutMs: 50, retries: 1 });
    const error = await failureOf(client.enqueueWhatsAppSend(send));
    expect(error).toMatchObject({ code: 'timeout', accepted: 'unknown', attempts: 2 });
    expect(error.idempotencyKey).toBe(seen[0]?.headers['idempotency-key']);
  });

  it('knows that a refused connection took nothing', async () => {
    const { url, close } = await scriptedServer([queued]);
    await close();
    const client = createSendQueueClient({ url, token: TOKEN, clock: manualClock(), retries: 1 });
    expect(await failureOf(client.enqueueWhatsAppSend(send))).toMatchObject({
      code: 'unreachable',
      accepted: false,
    });
  });

  it('stops for the caller’s signal', async () => {
    const controller = new AbortController();
    const { client } = await setUp([() => controller.abort()]);
    const error = await failureOf(client.enqueueWhatsAppSend(send, 5, { signal: controller.signal }));
    expect(error).toMatchObject({ code: 'aborted', accepted: 'unknown' });
  });

  it('takes no other answer for an acceptance, nor follows a redirection with the key', async () => {
    const other = await setUp([reply(200, '<html>welcome</html>')]);
    expect(await failureOf(other.client.enqueueWhatsAppSend(send))).toMatchObject({ code: 'bad_answer' });
    const elsewhere = await setUp([queued]);
    const redirecting = await setUp([reply(307, {}, { location: elsewhere.url })]);
    expect(await failureOf(redirecting.client.enqueueWhatsAppSend(send))).toMatchObject({ status: 307 });
    expect(elsewhere.seen).toEqual([]);
  });

  it('keeps the token, the number and the text out of its errors', async () => {
    const { client } = await setUp([away()], { retries: 0 });
    const error = await failureOf(client.enqueueWhatsAppSend(send));
    const shown = `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(Object.entries(error))}`;
    for (const secret of [TOKEN, send.phoneNumber, send.text]) expect(shown).not.toContain(secret);
  });

  it('refuses a priority that is none before it calls', async () => {
    const { client, seen } = await setUp([queued]);
    for (const priority of [-1, 11, 1.5, Number.NaN])
      expect(await failureOf(client.enqueueWhatsAppSend(send, priority))).toMatchObject({
        code: 'validation_failed',
      });
    expect(seen).toEqual([]);
  });
});

describe('getQueueMetrics', () => {
  it('returns the counts', async () => {
    const metrics = {
      waiting: 5,
      active: 3,
      completed: 1,
      tenantConcurrency: { r1: { active: 3, limit: 5 } },
    };
    const { client, seen } = await setUp([reply(200, metrics)]);
    expect(await client.getQueueMetrics()).toEqual(metrics);
    expect(seen[0]).toMatchObject({ method: 'GET', path: '/api/queue/metrics' });
  });
});

describe('the client that the environment names', () => {
  it('reads it at the call, not at import, and follows its changes', async () => {
    vi.stubEnv('MERSAL_TOKEN', '');
    expect(await failureOf(enqueueWhatsAppSend(send))).toMatchObject({ code: 'config_invalid' });
    for (const path of ['', '/proxy/']) {
      const { url, seen } = await setUp([queued]);
      vi.stubEnv('MERSAL_URL', url + path);
      vi.stubEnv('MERSAL_TOKEN', TOKEN);
      await enqueueWhatsAppSend(send);
      expect(seen[0]?.path).toBe(`${path.slice(0, -1)}/api/whatsapp/send`);
    }
  });

  it('refuses settings that cannot work', () => {
    for (const bad of [{ url: 'ftp://x' }, { url: 'x' }, { token: '' }, { token: 'a b' }, { timeoutMs: 0 }])
      expect(() => createSendQueueClient({ url: 'http://x', token: TOKEN, ...bad })).toThrow(SendQueueError);
  });
});

describe('when to try again', () => {
  it('waits at least what the server asked, at most half a backoff more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.option(fc.nat(100_000), { nil: undefined }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, asked, random) => {
          const delay = retryDelay(failures, asked, () => random);
          expect(delay).toBeGreaterThanOrEqual(asked ?? 100);
          expect(delay).toBeLessThanOrEqual((asked ?? 2_500) + 2_500);
        },
      ),
    );
  });

  it('reads seconds and dates, and nothing else', () => {
    const now = Date.UTC(2026, 0, 1);
    expect(parseRetryAfter('120', now)).toBe(120_000);
    expect(parseRetryAfter(new Date(now + 5_000).toUTCString(), now)).toBe(5_000);
    expect(parseRetryAfter(new Date(now - 5_000).toUTCString(), now)).toBe(0);
    for (const none of [null, '', '-1', '1.5', 'soon']) expect(parseRetryAfter(none, now)).toBeUndefined();
  });
});
