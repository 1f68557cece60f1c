import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../src/simulator.js';
import { account, caller, until } from './caller.js';

interface Received {
  readonly url: string;
  readonly signature: string;
  readonly params: Record<string, string>;
}

let simulator: Simulator;
let api: ReturnType<typeof caller>;
let received: Received[];
let answers: number[];
let connections: number;
let receiver: http.Server;
let base: string;

beforeEach(async () => {
  received = [];
  answers = [];
  connections = 0;
  receiver = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({
        url: `${base}${request.url}`,
        signature: String(request.headers['x-twilio-signature']),
        params: Object.fromEntries(new URLSearchParams(body)),
      });
      response.writeHead(answers.shift() ?? 204).end();
    });
  });
  receiver.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  simulator = await createSimulator({
    accounts: [account],
    callbacks: { sentMs: 5, deliveredMs: 10, readMs: 15, readShare: 1, concurrency: 4 },
  });
  api = caller(simulator);
});

afterEach(async () => {
  await simulator.close();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

const send = async (message: string): Promise<string> => {
  const response = await api.create({
    StatusCallback: `${base}/webhooks/twilio/status?restaurant=r1&message=${message}&attempt=1#rc=2`,
  });
  return ((await response.json()) as { sid: string }).sid;
};
const count = (n: number) =>
  until(
    () => received.length,
    (length) => length >= n,
  );

test('sent, delivered, read: signed over the URL without its fragment and the sorted parameters', async () => {
  const sid = await send('m%2F1');
  await count(3);
  // They go out over several connections: like the provider's own they may overtake each other.
  const statuses = received.map((callback) => callback.params['MessageStatus']);
  expect(statuses).toHaveLength(3);
  expect(new Set(statuses)).toEqual(new Set(['sent', 'delivered', 'read']));
  for (const { url, signature, params } of received) {
    expect(params).toMatchObject({
      MessageSid: sid,
      SmsSid: sid,
      AccountSid: account.accountSid,
      ApiVersion: '2010-04-01',
    });
    expect(url).toBe(`${base}/webhooks/twilio/status?restaurant=r1&message=m%2F1&attempt=1`);
    const text = Object.keys(params)
      .sort()
      .reduce((all, name) => all + name + params[name], url);
    expect(signature).toBe(createHmac('sha1', account.authToken).update(text).digest('base64'));
  }
  expect(await (await api.fetchMessage(sid)).json()).toMatchObject({
    status: 'read',
    date_sent: expect.any(String),
  });
});

test('async_fail tells failed with its code, and the message may be accepted again', async () => {
  await api.admin('POST', '/faults', { rules: [{ action: 'async_fail', code: 63018, count: 1 }] });
  const sid = await send('m1');
  await count(1);
  expect(received[0]?.params).toMatchObject({ MessageStatus: 'failed', ErrorCode: '63018', MessageSid: sid });
  expect(await (await api.fetchMessage(sid)).json()).toMatchObject({ status: 'failed', error_code: 63018 });
  await send('m1');
  expect(simulator.stats()).toMatchObject({ accepted: 2, duplicates: 0 });
  await send('m1');
  expect(simulator.stats()).toMatchObject({ accepted: 3, duplicates: 1, duplicateIds: ['m1'] });
});

test('no_callback keeps silent, and the states go on', async () => {
  await api.admin('POST', '/faults', { rules: [{ action: 'no_callback', count: 1 }] });
  const sid = await send('m1');
  await until(
    async () => ((await (await api.fetchMessage(sid)).json()) as { status: string }).status,
    (status) => status === 'read',
  );
  expect(received).toEqual([]);
});

test('a callback comes though the answer was dropped', async () => {
  await api.admin('POST', '/faults', { rules: [{ action: 'drop_after_accept', count: 1 }] });
  await expect(send('m1')).rejects.toThrow();
  await count(1);
  expect(received[0]?.url).toContain('message=m1');
});

test('5xx is tried again, 4xx is not', async () => {
  answers = [500, 503, 204, 204, 403];
  await send('m1');
  await until(
    () => simulator.stats().callbacks,
    (stats) => (stats as { pending: number }).pending === 0,
  );
  expect(simulator.stats().callbacks).toMatchObject({ delivered: 2, refused: 1, retried: 2, gaveUp: 0 });
});

test('many callbacks share few connections', async () => {
  await Promise.all(Array.from({ length: 40 }, (_, n) => send(`m${n}`)));
  await count(120);
  expect(connections).toBeLessThanOrEqual(4);
});
