import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pipeline } from '@mersal/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { Front } from '../chaos/front.js';

describe('what stands before the ingresses', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  async function ingress(status: number): Promise<{ url: string; keys: unknown[] }> {
    const keys: unknown[] = [];
    const server = createServer((request, response) => {
      keys.push(request.headers['idempotency-key']);
      request.resume().on('end', () => response.writeHead(status, { connection: 'close' }).end('{}'));
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    servers.push(server);
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, keys };
  }
  const nobody = 'http://127.0.0.1:1';
  const post = (front: Front) => front.post('key', '/x', {}, { 'idempotency-key': 'k' });

  it('repeats at the next what one did not answer, with the same key, and tells of no error', async () => {
    const up = await ingress(202);
    const front = new Front({} as Pipeline, [nobody, up.url]);
    await front.withoutErrors(async () => {
      for (let n = 0; n < 4; n += 1) expect((await post(front))?.status).toBe(202);
    });
    expect(up.keys).toEqual(['k', 'k', 'k', 'k']);
    expect(front.movedOn).toBeGreaterThan(0);
    expect(front.violations()).toEqual([]);
  });
  it('hands on a 5xx as it is, and tells of it if none was to be, as of nobody’s answer', async () => {
    const ill = await ingress(503);
    const front = new Front({} as Pipeline, [ill.url]);
    expect((await post(front))?.status).toBe(503);
    await new Promise((later) => setTimeout(later, 2));
    expect(front.violations()).toEqual([]);
    await front.withoutErrors(async () => void (await post(front)));
    expect(front.violations()).toEqual([expect.stringContaining(' 503: ')]);
    const away = new Front({} as Pipeline, [nobody]);
    await away.withoutErrors(async () => expect(await post(away)).toBeUndefined());
    expect(away.violations()).toEqual([expect.stringContaining(' no answer: ')]);
  });
});
