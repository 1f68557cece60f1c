import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
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

function post(port: number, by: http.Agent, body = 'a=1', signal?: AbortSignal, within = limits) {
  const url = new URL(`http://127.0.0.1:${port}/x`);
  return exchange({ method: 'POST', url, headers: { 'Content-Length': body.length }, body }, by, within, {
    signal,
  });
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

  test('tells when it is: once, over a new connection and a kept one, and not where there is none', async () => {
    const arrived: number[] = [];
    const server = http.createServer((_request, response) => {
      arrived.push(performance.now());
      setTimeout(() => response.end('ok'), 50);
    });
    const port = await listen(server);
    const by = agent();
    const request = { method: 'POST', url: new URL(`http://127.0.0.1:${port}/x`), headers: {}, body: 'x' };
    for (let n = 0; n < 2; n += 1) {
      const told: number[] = [];
      const answered = exchange(request, by, limits, { onWritten: () => told.push(performance.now()) });
      await answered;
      expect(told).toHaveLength(1);
      expect(told[0]).toBeLessThan((arrived[n] ?? 0) + 50);
    }
    const refused = vi.fn();
    const url = new URL('http://127.0.0.1:1/x');
    await failureOf(exchange({ ...request, url }, by, limits, { onWritten: refused }));
    expect(refused).not.toHaveBeenCalled();
  });

  test('TLS that is never agreed on is not written', async () => {
    const port = await listen(net.createServer(() => undefined));
    const by = new https.Agent();
    closers.push(() => by.destroy());
    const url = new URL(`https://127.0.0.1:${port}/x`);
    const failure = await failureOf(exchange({ method: 'POST', url, headers: {}, body: 'x' }, by, limits));
    expect(failure).toMatchObject({ reason: 'connect_timeout', written: false });
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

  test('a request that waited for a busy connection is written once it has it, however slow the answer', async () => {
    let received = 0;
    const server = http.createServer((request, response) => {
      request.resume();
      received += 1;
      // Longer than a connection may take to be set up.
      setTimeout(() => response.end('ok'), limits.connectTimeoutMs + 150);
    });
    const port = await listen(server);
    const by = new http.Agent({ keepAlive: true, maxSockets: 1 });
    closers.push(() => by.destroy());
    // Two answers one behind the other: how long a busy machine takes for them is not what this is about.
    const patient = { ...limits, timeoutMs: 15_000 };
    const first = post(port, by, 'a=1', undefined, patient);
    const second = post(port, by, 'a=1', undefined, patient);
    expect(await first).toMatchObject({ statusCode: 200 });
    expect(await second).toMatchObject({ statusCode: 200 });
    expect(received).toBe(2);
  });

  test('such a request that gets no answer is ambiguous', async () => {
    let received = 0;
    const server = http.createServer((request, response) => {
      request.resume();
      received += 1;
      if (received === 1) setTimeout(() => response.end('ok'), 50);
    });
    const port = await listen(server);
    const by = new http.Agent({ keepAlive: true, maxSockets: 1 });
    closers.push(() => by.destroy());
    const first = post(port, by);
    const second = failureOf(post(port, by));
    await first;
    expect(await second).toMatchObject({ reason: 'timeout', written: true });
    expect(received).toBe(2);
  });

  test('waiting for a socket past the deadline is not written, whatever becomes of the one before', async () => {
    let received = 0;
    const server = http.createServer((request) => {
      request.resume();
      received += 1;
    });
    const port = await listen(server);
    const by = new http.Agent({ keepAlive: true, maxSockets: 1 });
    closers.push(() => by.destroy());
    const first = failureOf(post(port, by));
    const url = new URL(`http://127.0.0.1:${port}/x`);
    const hasty = { ...limits, timeoutMs: 300 };
    const second = failureOf(exchange({ method: 'POST', url, headers: {}, body: 'x' }, by, hasty));
    expect(await second).toMatchObject({ reason: 'socket_wait', written: false });
    expect(await first).toMatchObject({ reason: 'timeout', written: true });
    expect(received).toBe(1);
  });

  test('a name whose look-up never ends is not written, within the time for connecting', async () => {
    const by = new http.Agent({ lookup: () => undefined });
    closers.push(() => by.destroy());
    const url = new URL('http://slow-name.invalid/x');
    const startedAt = performance.now();
    const failure = await failureOf(exchange({ method: 'POST', url, headers: {}, body: 'x' }, by, limits));
    expect(failure).toMatchObject({ reason: 'connect_timeout', written: false });
    expect(performance.now() - startedAt).toBeLessThan(limits.timeoutMs - 100);
  });

  test('a peer that resets without having read is ambiguous: bytes had left', async () => {
    const port = await listen(
      net.createServer({ pauseOnConnect: true }, (socket) => {
        setTimeout(() => socket.resetAndDestroy(), 50);
      }),
    );
    expect(await failureOf(post(port, agent()))).toMatchObject({ reason: 'reset', written: true });
  });

  test('a refused connection, on a port where nobody listens any more, is not written', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(await failureOf(post(port, agent()))).toMatchObject({ reason: 'connect', written: false });
  });

  test('a redirect is an answer: it is not followed', async () => {
    let received = 0;
    const server = http.createServer((_request, response) => {
      received += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(await post(await listen(server), agent())).toMatchObject({ statusCode: 307 });
    expect(received).toBe(1);
  });
});
