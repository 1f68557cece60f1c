import { connect, type Socket } from 'node:net';
import { createLogger, createMetrics } from '@mersal/telemetry';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import { callerAddress } from '../src/auth/caller-address.js';
import { createServer, type ServerOptions } from '../src/server.js';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

interface Setup {
  readonly url: string;
  readonly lines: string[];
}

async function serve(
  more: Partial<ServerOptions>,
  routes: (server: FastifyInstance) => void,
): Promise<Setup> {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'ingress',
    instance: 'test',
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  });
  app = await createServer({
    logger,
    metrics: createMetrics(),
    version: '0',
    publicUrl: 'http://localhost',
    now: () => performance.now(),
    isDraining: () => false,
    ...more,
  });
  routes(app);
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), lines };
}

it('what nobody expected is a 500 without a word of it, and is in the log', async () => {
  const { url, lines } = await serve({}, (server) => {
    server.get('/boom', () => {
      throw new Error('the vault is at +966501234567');
    });
  });
  const answer = await fetch(`${url}/boom`);
  expect(answer.status).toBe(500);
  expect(await answer.json()).toEqual({
    type: 'urn:mersal:problem:internal_error',
    title: 'Something went wrong here',
    status: 500,
    code: 'internal_error',
  });
  const logged = lines.find((line) => line.includes('a request failed'));
  expect(logged).toContain('the vault');
  expect(logged).not.toContain('966501234567');
});

it('more requests than it takes are refused; one whose caller went away makes room', async () => {
  let entered = 0;
  const { url } = await serve({ mostRequests: 2 }, (server) => {
    server.get('/hang', () => {
      entered += 1;
      return new Promise(() => undefined);
    });
    server.get('/quick', () => ({ ok: true }));
  });
  const leaving = new AbortController();
  const hanging = [fetch(`${url}/hang`, leaving), fetch(`${url}/hang`, leaving)];
  await expect.poll(() => entered).toBe(2);
  const refused = await fetch(`${url}/quick`);
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'overloaded', accepted: false });
  expect(refused.headers.get('retry-after')).not.toBeNull();
  leaving.abort();
  await Promise.allSettled(hanging);
  await expect.poll(async () => (await fetch(`${url}/quick`)).status).toBe(200);
});

it('the time that a body takes to arrive does not count against the answer', async () => {
  let clock = 1_000;
  let arrived = false;
  const { url } = await serve({ now: () => clock }, (server) => {
    server.addHook('preParsing', (_request, _reply, _payload, done) => {
      arrived = true;
      done();
    });
    server.post('/elapsed', (request) => ({ elapsed: clock - request.beganAt }));
  });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => (said += text));
  socket.write(
    'POST /elapsed HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{',
  );
  await expect.poll(() => arrived).toBe(true);
  clock += 60_000;
  socket.write('}');
  await new Promise((resolve) => socket.once('close', resolve));
  expect(said).toContain('{"elapsed":0}');
});

it('bytes that are no request are answered with a problem', async () => {
  const { url } = await serve({}, () => undefined);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => (said += text));
  socket.write('NONSENSE\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  expect(said).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*validation_failed/);
});

it('connections end with their next answer while draining', async () => {
  let draining = false;
  const { url } = await serve({ isDraining: () => draining }, (server) => {
    server.get('/', () => ({}));
  });
  expect((await fetch(url)).headers.get('connection')).toBe('keep-alive');
  draining = true;
  expect((await fetch(url)).headers.get('connection')).toBe('close');
});

it('promises TLS only where the public address has it', async () => {
  const open = await serve({}, (server) => void server.get('/', () => ({})));
  expect((await fetch(open.url)).headers.has('strict-transport-security')).toBe(false);
  await app?.close();
  const secured = await serve(
    { publicUrl: 'https://mersal.example' },
    (server) => void server.get('/', () => ({})),
  );
  expect((await fetch(secured.url)).headers.has('strict-transport-security')).toBe(true);
});

/** A connection of its own that says what it was told. */
async function raw(url: string): Promise<{ socket: Socket; said: () => string; closed: Promise<void> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  // The server may reset what it does not want to read on.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, said: () => text, closed };
}

it('headers that are too large are refused as such', async () => {
  const { url } = await serve({}, (server) => void server.get('/', () => ({})));
  const { socket, said, closed } = await raw(url);
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(100_000)}\r\n\r\n`);
  await closed;
  expect(said()).toMatch(/^HTTP\/1\.1 431 [^]*headers_too_large/);
});

it('a request that takes too long to arrive is ended, and says so', async () => {
  const { url } = await serve({ requestTimeoutMs: 300 }, (server) => {
    server.post('/', () => ({}));
    // How long an answer takes is no matter of this.
    server.get('/long', () => new Promise((resolve) => setTimeout(() => resolve({}), 1_500)));
  });
  const long = fetch(`${url}/long`);
  const slowBody = await raw(url);
  slowBody.socket.write(
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{',
  );
  const slowHeaders = await raw(url);
  slowHeaders.socket.write('POST / HTTP/1.1\r\nhost: x\r\n');
  const silent = await raw(url);
  await Promise.all([slowBody.closed, slowHeaders.closed, silent.closed]);
  for (const { said } of [slowBody, slowHeaders])
    expect(said()).toMatch(/^HTTP\/1\.1 408 [^]*request_timeout/);
  expect((await long).status).toBe(200);
});

it('many idle connections keep nobody from being answered; more than it takes are closed', async () => {
  const { url } = await serve({ mostConnections: 300 }, (server) => void server.get('/', () => ({})));
  const idle = await Promise.all(Array.from({ length: 290 }, () => raw(url)));
  expect((await fetch(url)).status).toBe(200);
  const over = await Promise.all(Array.from({ length: 30 }, () => raw(url)));
  await Promise.race(over.map(({ closed }) => closed));
  for (const { socket } of [...idle, ...over]) socket.destroy();
  await expect.poll(async () => (await fetch(url).catch(() => undefined))?.status).toBe(200);
});

it('bodies over its memory are refused before they are read; those that were answered make room', async () => {
  let entered = 0;
  let release: (() => void) | undefined;
  const { url } = await serve({ mostBodyBytes: 1_500 }, (server) => {
    server.post('/hold', { bodyLimit: 1_000 }, async () => {
      entered += 1;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return {};
    });
    server.post('/quick', { bodyLimit: 1_000 }, () => ({}));
  });
  const post = (path: string): Promise<Response> =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'x'.repeat(900) }),
    });
  const held = post('/hold');
  await expect.poll(() => entered).toBe(1);
  const refused = await post('/quick');
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'overloaded', accepted: false });
  release?.();
  expect((await held).status).toBe(200);
  await expect.poll(async () => (await post('/quick')).status).toBe(200);
});

it('no other site may read it from a browser, and no answer tells what it is made with', async () => {
  const { url } = await serve({}, (server) => void server.get('/api', () => ({})));
  const headers = { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' };
  for (const answer of [
    await fetch(`${url}/api`, { headers }),
    await fetch(`${url}/api`, { method: 'OPTIONS', headers }),
  ]) {
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(answer.headers.has('x-powered-by')).toBe(false);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  }
});

it('a method that it does not serve is 405, whatever Fastify wants of it', async () => {
  const { url } = await serve({}, (server) => {
    server.get('/thing', () => 'x');
  });
  for (const method of ['QUERY', 'PROPFIND', 'DELETE']) {
    const answer = await fetch(`${url}/thing`, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
});

it('text that Postgres can not store is the caller’s fault', async () => {
  const { url } = await serve({}, (server) => {
    server.get('/nul', () => {
      throw Object.assign(new Error('invalid byte sequence'), { code: '22021' });
    });
  });
  const answer = await fetch(`${url}/nul`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: 'validation_failed' });
});

it.each([
  [[], '203.0.113.9', '127.0.0.1'],
  [['192.0.2.1'], '203.0.113.9', '127.0.0.1'],
  [['127.0.0.1'], '203.0.113.9', '203.0.113.9'],
  [['127.0.0.1'], '198.51.100.7, 203.0.113.9', '203.0.113.9'],
  [['127.0.0.0/8', '10.0.0.0/8'], '198.51.100.7, 203.0.113.9, 10.3.2.1', '203.0.113.9'],
  [['127.0.0.1', '2001:db8::/32'], '2001:db9::1, 2001:db8::5', '2001:db9::1'],
  [['127.0.0.1', '10.0.0.0/8'], 'unknown, 10.3.2.1', '10.3.2.1'],
  [['127.0.0.1'], 'x'.repeat(40), '127.0.0.1'],
  [['127.0.0.1'], '203.0.113.9:51234', '203.0.113.9'],
  [['127.0.0.1'], '[2001:db8::1]:443', '2001:db8::1'],
  [['127.0.0.1'], '[2001:db8::1]', '2001:db8::1'],
  // What comes before the nearest one that is not trusted is the caller's to write.
  [['127.0.0.1'], '198.51.100.7:1, 203.0.113.9:51234', '203.0.113.9'],
  [['127.0.0.1', '10.0.0.0/8'], '10.9.9.9:1, 198.51.100.7, 203.0.113.9:51234, 10.3.2.1:80', '203.0.113.9'],
  [['127.0.0.1', '2001:db8::/32'], '2001:db9::7, [2001:db9::1]:51234, [2001:db8::5]:443', '2001:db9::1'],
  [['127.0.0.1', '10.0.0.0/8'], '198.51.100.7, 203.0.113.9:x, 10.3.2.1:80', '10.3.2.1'],
  [['127.0.0.1'], '203.0.113.9:', '127.0.0.1'],
  [['127.0.0.1'], '203.0.113.9:80:80', '127.0.0.1'],
  [['127.0.0.1'], '203.0.113.999:80', '127.0.0.1'],
  [['127.0.0.1'], '203.0.113.9:123456', '127.0.0.1'],
  [['127.0.0.1'], '[203.0.113.9]:80', '127.0.0.1'],
  [['127.0.0.1'], '[2001:db8::1%25eth0]:80', '127.0.0.1'],
  [['127.0.0.1'], '[2001:db8::1', '127.0.0.1'],
  [['127.0.0.1'], '', '127.0.0.1'],
])('trusting %j, X-Forwarded-For %j comes from %s', async (trustedProxies, forwarded, address) => {
  const { url } = await serve({ trustedProxies }, (server) => {
    server.get('/', (request) => ({ address: callerAddress(request) }));
  });
  const answer = await fetch(url, { headers: { 'x-forwarded-for': forwarded } });
  expect(await answer.json()).toEqual({ address });
});
