import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ExchangeFailure, exchange } from '../src/exchange.js';

const limits = { timeoutMs: 1_000, connectTimeoutMs: 300, maxResponseBytes: 1_000 };
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  closers.push(
    () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  );
  return (server.address() as net.AddressInfo).port;
}

function agent(): http.Agent {
  const made = new http.Agent({ keepAlive: true, maxSockets: 4 });
  closers.push(() => made.destroy());
  return made;
}

function post(port: number, by: http.Agent, body = 'a=1', signal?: AbortSignal) {
  const url = new URL(`http://127.0.0.1:${port}/x`);
  return exchange(
    { method: 'POST', url, headers: { 'Content-Length': body.length }, body },
    by,
    limits,
    signal,
  );
}

async function failureOf(promise: Promise<unknown>): Promise<ExchangeFailure> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ExchangeFailure)) throw new Error('expected an ExchangeFailure');
  return error;
}

describe('exchange knows what was written', () => {
  test('an answer comes through, and the connection is kept', async () => {
    let connections = 0;
    const server = http.createServer((_request, response) => response.end('ok'));
    server.on('connection', () => (connections += 1));
    const port = await listen(server);
    const by = agent();
    expect(await post(port, by)).toMatchObject({ statusCode: 200, body: 'ok' });
    expect(await post(port, by)).toMatchObject({ statusCode: 200, body: 'ok' });
    expect(connections).toBe(1);
  });

  test('TLS that is never agreed on is not written', async () => {
    const port = await listen(net.createServer(() => undefined));
    const by = new https.Agent();
    closers.push(() => by.destroy());
    const url = new URL(`https://127.0.0.1:${port}/x`);
    const failure = await failureOf(exchange({ method: 'POST', url, headers: {}, body: 'x' }, by, limits));
    expect(failure).toMatchObject({ reason: 'connect', written: false });
  });

  test('a peer that resets after reading is written', async () => {
    const port = await listen(
      net.createServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
    );
    expect(await failureOf(post(port, agent()))).toMatchObject({ reason: 'reset', written: true });
  });

  test('a kept connection that the peer closes on the second request is ambiguous', async () => {
    const server = http.createServer((request, response) => {
      if (request.headers['x-second']) request.socket.resetAndDestroy();
      else response.end('ok');
    });
    const port = await listen(server);
    const by = agent();
    await post(port, by);
    const url = new URL(`http://127.0.0.1:${port}/x`);
    const failure = await failureOf(
      exchange({ method: 'POST', url, headers: { 'x-second': '1' }, body: 'b' }, by, limits),
    );
    expect(failure).toMatchObject({ reason: 'reset', written: true });
  });

  test('a body cut off keeps its status', async () => {
    const port = await listen(
      net.createServer((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"sid"')),
      ),
    );
    expect(await failureOf(post(port, agent()))).toMatchObject({
      reason: 'truncated',
      written: true,
      statusCode: 201,
    });
  });

  test('an answer that drips past the deadline ends at the deadline', async () => {
    const timers: NodeJS.Timeout[] = [];
    closers.push(() => timers.forEach((timer) => clearInterval(timer)));
    const port = await listen(
      http.createServer((_request, response) => {
        response.writeHead(201);
        timers.push(setInterval(() => response.write('.'), 50));
      }),
    );
    const startedAt = performance.now();
    expect(await failureOf(post(port, agent()))).toMatchObject({ reason: 'timeout', written: true });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('an answer without end is cut at its bound', async () => {
    const port = await listen(http.createServer((_request, response) => response.end('x'.repeat(5_000))));
    expect(await failureOf(post(port, agent()))).toMatchObject({ reason: 'oversized', written: true });
  });

  test('an abort before is not written, an abort after is', async () => {
    let arrived = (): void => undefined;
    const received = new Promise<void>((resolve) => (arrived = resolve));
    const port = await listen(http.createServer(() => arrived()));
    expect(await failureOf(post(port, agent(), 'a', AbortSignal.abort()))).toMatchObject({ written: false });
    const abort = new AbortController();
    const failure = failureOf(post(port, agent(), 'a', abort.signal));
    await received;
    abort.abort();
    expect(await failure).toMatchObject({ reason: 'aborted', written: true });
  });

  test('a kept connection that is found closed before a byte went out is not written', async () => {
    const port = await listen(http.createServer((_request, response) => response.end('ok')));
    const by = agent();
    await post(port, by);
    const free = Object.values(by.freeSockets)[0]?.[0];
    if (!free) throw new Error('no kept connection');
    const pending = failureOf(post(port, by));
    free.destroy();
    expect(await pending).toMatchObject({ written: false });
  });
});
