import { type Check, listenProbes, type Probes, type ProbeOptions } from '@mersal/lifecycle';
import { afterEach, describe, expect, it } from 'vitest';

let probes: Probes | undefined;
afterEach(() => probes?.close());

async function listen(
  given: Partial<ProbeOptions>,
): Promise<(path: string, method?: string) => Promise<Response>> {
  probes = await listenProbes({
    host: '127.0.0.1',
    port: 0,
    live: {},
    ready: {},
    metrics: (_request, response) => void response.end('m 1\n'),
    ...given,
  });
  const { url } = probes;
  return (path, method = 'GET') => fetch(url + path, { method });
}

describe('the probe listener', () => {
  it('tells live from ready, and why not', async () => {
    const ready: Record<string, Check> = {
      kafka: () => ({ ok: true }),
      postgres: () => ({ ok: false, reason: 'away' }),
    };
    const get = await listen({ ready });
    expect((await get('/health/live')).status).toBe(200);
    const answer = await get('/health/ready?verbose');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({
      status: 'failing',
      checks: { kafka: { ok: true }, postgres: { ok: false, reason: 'away' } },
    });
    ready['postgres'] = () => ({ ok: true });
    expect((await get('/health/ready')).status).toBe(200);
  });
  it('takes a check that throws, or never answers, for one that fails', async () => {
    const get = await listen({
      timeoutMs: 20,
      live: {
        throws: () => {
          throw new Error('broken');
        },
        rejects: () => Promise.reject(new Error('refused')),
        hangs: () => new Promise(() => undefined),
      },
    });
    const answer = await get('/health/live');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      checks: {
        throws: { ok: false, reason: 'broken' },
        rejects: { ok: false, reason: 'refused' },
        hangs: { ok: false, reason: 'no answer within 20 ms' },
      },
    });
  });
  it('serves metrics, and nothing else', async () => {
    const get = await listen({});
    expect(await (await get('/metrics')).text()).toBe('m 1\n');
    expect((await get('/')).status).toBe(404);
    expect((await get('/health/ready', 'POST')).status).toBe(405);
    expect((await get('/health/ready', 'HEAD')).status).toBe(200);
  });
  it('says so when its port is taken', async () => {
    await listen({});
    const port = Number(new URL(probes?.url ?? '').port);
    await expect(
      listenProbes({ host: '127.0.0.1', port, live: {}, ready: {}, metrics: () => undefined }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
