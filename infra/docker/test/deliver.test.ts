import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { deliver } from '../deliver.mjs';

/** An ingress that answers the reads of a message with these, the last one again and again. */
function ingressThat(posted: number, ...statuses: string[]) {
  const server = createServer((request, response) => {
    const post = request.method === 'POST';
    response.writeHead(post ? posted : 200, { 'content-type': 'application/json' });
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    response.end(JSON.stringify(post ? { id: 'm1' } : { status }));
  });
  close = () => void server.close();
  return new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}
let close: () => void = () => undefined;
afterEach(() => close());

const run = (url: string, limitMs = 10_000) => deliver({ url, key: 'k', count: 1, limitMs });

describe('the smoke test', () => {
  it('waits until the message is delivered', async () => {
    const url = await ingressThat(202, 'queued', 'sending', 'sent', 'delivered');
    await expect(run(url)).resolves.toMatchObject({ delivered: 1 });
  });
  it.each(['failed', 'dead', 'expired'])('fails where it ends as %s', async (status) => {
    const url = await ingressThat(202, 'queued', status);
    await expect(run(url)).rejects.toThrow(`ended as ${status}`);
  });
  it('fails where it is not taken', async () => {
    await expect(run(await ingressThat(503, 'queued'))).rejects.toThrow('answered with 503');
  });
  it('fails where it is not delivered in time', async () => {
    await expect(run(await ingressThat(202, 'sent'), 600)).rejects.toThrow(/timeout|aborted/);
  });
});
