import { connect } from 'node:net';
import { createLogger, createMetrics } from '@mersal/telemetry';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import { createServer } from '../src/server.js';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

interface Setup {
  readonly url: string;
  readonly lines: string[];
}

async function serve(
  more: { mostRequests?: number; now?: () => number; isDraining?: () => boolean; publicUrl?: string },
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
