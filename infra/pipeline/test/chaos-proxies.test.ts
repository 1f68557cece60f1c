import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { waitFor } from '@mersal/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { CallbackProxy } from '../chaos/callback-proxy.js';
import { TcpProxy } from '../chaos/tcp-proxy.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  closers.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("the proxy before one sender's Redis", () => {
  const dial = (port: number): { socket: Socket; said: () => string; ended: () => boolean } => {
    const socket = connect(port, '127.0.0.1');
    closers.push(() => socket.destroy());
    let said = '';
    let ended = false;
    socket.setEncoding('utf8').on('data', (text: string) => (said += text));
    socket.on('error', () => undefined).on('close', () => (ended = true));
    return { socket, said: () => said, ended: () => ended };
  };

  it('hands on both ways; cut, it breaks what is open and takes nothing; mended, it hands on again', async () => {
    const port = await listen(createServer((socket) => socket.on('error', () => undefined).pipe(socket)));
    const proxy = await TcpProxy.to(port);
    closers.push(() => proxy.close());
    const one = dial(proxy.port);
    one.socket.write('hello');
    await waitFor(() => one.said() === 'hello');
    proxy.cut();
    await waitFor(() => one.ended());
    const two = dial(proxy.port);
    two.socket.write('nobody');
    await waitFor(() => two.ended());
    expect(two.said()).toBe('');
    proxy.mend();
    const three = dial(proxy.port);
    three.socket.write('again');
    await waitFor(() => three.said() === 'again');
  });
});

describe('the proxy before the callbacks', () => {
  async function start() {
    const seen: { body: string; signature: unknown; url: string | undefined }[] = [];
    let status = 204;
    const port = await listen(
      createHttpServer((request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => (body += text));
        request.on('end', () => {
          seen.push({ body, signature: request.headers['x-twilio-signature'], url: request.url });
          response.writeHead(status).end();
        });
      }),
    );
    const proxy = await CallbackProxy.start();
    closers.push(() => proxy.close());
    proxy.targets = ['http://127.0.0.1:1', `http://127.0.0.1:${port}`];
    const report = async (body: string): Promise<number> =>
      (
        await fetch(`${proxy.url}/webhooks/twilio/status?message=m`, {
          method: 'POST',
          body,
          headers: { 'x-twilio-signature': 's' },
        })
      ).status;
    return { proxy, seen, report, answerWith: (next: number) => (status = next) };
  }

  it('hands on what came, with its signature and address, and the answer', async () => {
    const { seen, report, answerWith } = await start();
    expect(await report('a=1')).toBe(204);
    answerWith(503);
    expect(await report('a=2')).toBe(503);
    expect(seen).toEqual(
      ['a=1', 'a=2'].map((body) => ({ body, signature: 's', url: '/webhooks/twilio/status?message=m' })),
    );
  });
  it('loses, doubles and delays what it is told to, and the provider does not notice', async () => {
    const { proxy, seen, report } = await start();
    proxy.fate = 'lost';
    expect(await report('lost')).toBe(204);
    proxy.fate = 'twice';
    expect(await report('twice')).toBe(204);
    expect(seen.map((one) => one.body)).toEqual(['twice', 'twice']);
    proxy.fate = 'late';
    proxy.lateMs = 60;
    expect(await report('late')).toBe(204);
    expect(seen).toHaveLength(2);
    proxy.fate = 'through';
    await waitFor(() => seen.length === 3);
    expect(proxy.counts).toEqual({ lost: 1, twice: 1, late: 1, through: 0 });
  });
  it('tells the provider to try again where ingress gives no answer', async () => {
    const { proxy, report } = await start();
    proxy.targets = ['http://127.0.0.1:1'];
    expect(await report('a')).toBe(502);
  });
});
