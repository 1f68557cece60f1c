import http from 'node:http';
import net from 'node:net';
import { inspect } from 'node:util';
import { afterEach, expect, test, vi } from 'vitest';
import { createTwilioGateway, type TwilioGatewayOptions } from '../src/index.js';

const account = { accountSid: `AC${'5'.repeat(32)}`, authToken: 'planted-token-9f3a' };
const text = 'a planted and very private order';
const number = '966501239876';
const from = 'whatsapp:+14155230042';
const basic = Buffer.from(`${account.accountSid}:${account.authToken}`).toString('base64');
const secrets = [
  account.authToken,
  text,
  encodeURIComponent(text),
  text.replaceAll(' ', '+'),
  number,
  basic,
  'Authorization',
  from.slice(-8),
];

const closers: (() => void)[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0)) close();
});

async function listen(server: net.Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

/** Answers every request, quoting what it was sent as providers do. */
const answering = (status: number, type: string, body: (echo: string) => string) => () =>
  listen(
    http.createServer((request, response) => {
      let echo = `${request.headers.authorization ?? ''} `;
      request
        .setEncoding('utf8')
        .on('data', (chunk: string) => (echo += decodeURIComponent(chunk.replaceAll('+', ' '))));
      request.on('end', () => response.writeHead(status, { 'content-type': type }).end(body(echo)));
    }),
  );
const raw = (onData: (socket: net.Socket) => void) => () =>
  listen(net.createServer((socket) => socket.once('data', () => onData(socket))));
const json = (fields: object) => (echo: string) => JSON.stringify({ ...fields, message: echo, detail: echo });

/** Every way in which a call can end badly, by what stands at the other end. */
const kinds: Readonly<Record<string, () => Promise<string>>> = {
  "the provider's error envelope": answering(400, 'application/json', json({ code: 21211, status: 400 })),
  'an RFC 9457 problem': answering(
    429,
    'application/problem+json',
    json({ type: 'x', title: 't', status: 429, code: 20429 }),
  ),
  'an unknown code': answering(400, 'application/json', json({ code: 99_999, status: 400 })),
  'a refusal of the credentials': answering(401, 'application/json', json({ code: 20003, status: 401 })),
  'an HTML page of a proxy': answering(502, 'text/html', (echo) => `<html>${echo}</html>`),
  'an empty 500': answering(500, 'text/plain', () => ''),
  'a redirect': answering(307, 'text/plain', (echo) => echo),
  'a 201 that is no JSON': answering(201, 'application/json', (echo) => `{"sid": ${echo}`),
  'a 201 without a SID': answering(201, 'application/json', json({ sid: 'nonsense' })),
  'a 201 that is null': answering(201, 'application/json', () => 'null'),
  'a 201 without end': answering(201, 'application/json', (echo) => echo.padEnd(9 * 1_024 * 1_024)),
  'a 201 cut off': raw((socket) => socket.end('HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"sid"')),
  'no HTTP at all': raw((socket) => socket.end('220 mail.example ESMTP\r\n')),
  'a reset after reading': raw((socket) => socket.resetAndDestroy()),
  'a hang': raw(() => undefined),
  'nobody listening': async () => 'http://127.0.0.1:1',
  'a name that does not resolve': async () => 'http://nowhere.invalid',
  'TLS that is never agreed on': async () =>
    (await raw((socket) => socket.end('no TLS'))()).replace('http:', 'https:'),
};

test.each(Object.entries(kinds))(
  '%s: nothing of the request is in what comes back or is printed',
  async (_kind, start) => {
    const printed: string[] = [];
    for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const)
      vi.spyOn(console, method).mockImplementation(
        (...given) => void printed.push(inspect(given, { depth: 10 })),
      );
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, 'write').mockImplementation((chunk) => printed.push(String(chunk)) > 0);
    const options: TwilioGatewayOptions = { baseUrl: await start(), timeoutMs: 500, maxSockets: 2 };
    const gateway = createTwilioGateway(options);
    closers.push(() => void gateway.close());
    const to = `whatsapp:+${number}`;
    const request = {
      from,
      to,
      body: text,
      statusCallback: `http://127.0.0.1/cb?text=${encodeURIComponent(text)}`,
    };
    const results: unknown[] = [
      await gateway.send(account, request),
      await gateway.list(account, { to, from, since: new Date() }),
      await gateway.fetch(account, `SM${'0'.repeat(32)}`),
      await gateway.contents.create(account, {
        friendlyName: text,
        language: 'en',
        types: { 'twilio/text': { body: text } },
      }),
      await gateway.contents.find(account, text),
    ];
    vi.restoreAllMocks();
    expect((results[0] as { class: string }).class).not.toBe('accepted');
    for (const shown of [
      ...results.map((one) => `${JSON.stringify(one)}${inspect(one, { depth: 12, showHidden: true })}`),
      ...printed,
    ]) {
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
  },
);

test('an abort, and an error thrown for what the SDK itself refuses, repeat nothing either', async () => {
  const gateway = createTwilioGateway({
    baseUrl: await listen(net.createServer()),
    timeoutMs: 500,
    maxSockets: 1,
  });
  closers.push(() => void gateway.close());
  const to = `whatsapp:+${number}`;
  const aborted = await gateway.send(
    account,
    { from, to, body: text, statusCallback: 'x' },
    { signal: AbortSignal.abort() },
  );
  const refused = await gateway
    // Without a recipient the SDK throws before anything is written.
    .send(account, { from, to: undefined as unknown as string, body: text, statusCallback: 'x' })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(TypeError);
  for (const one of [aborted, refused]) {
    const shown = `${JSON.stringify(one)}${inspect(one, { depth: 12, showHidden: true })}`;
    for (const secret of secrets) expect(shown).not.toContain(secret);
  }
});

test('credentials that change make the next call use the new ones', async () => {
  const seen: string[] = [];
  const url = await listen(
    http.createServer((request, response) => {
      seen.push(request.headers.authorization ?? '');
      response.writeHead(429).end('{}');
    }),
  );
  const gateway = createTwilioGateway({ baseUrl: url, timeoutMs: 500, maxSockets: 2, maxClients: 2 });
  closers.push(() => void gateway.close());
  const request = { from, to: `whatsapp:+${number}`, body: text, statusCallback: 'http://127.0.0.1/' };
  await gateway.send(account, request);
  await gateway.send({ ...account, authToken: 'rotated' }, request);
  await gateway.send(account, request);
  const rotated = Buffer.from(`${account.accountSid}:rotated`).toString('base64');
  expect(seen).toEqual([`Basic ${basic}`, `Basic ${rotated}`, `Basic ${basic}`]);
});
