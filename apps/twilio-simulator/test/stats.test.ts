import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MessageStore } from '../src/message-store.js';
import { newMessage } from '../src/messages-api.js';
import { RequestLog } from '../src/request-log.js';
import { createSimulator, type Simulator } from '../src/simulator.js';
import { SlidingWindow } from '../src/sliding-window.js';
import { account, caller, other, to } from './caller.js';

test('the window counts what a count by hand counts', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(700), { maxLength: 200 }), (gaps) => {
      const window = new SlidingWindow(1_000);
      const times: number[] = [];
      let now = 0;
      for (const gap of gaps) {
        now += gap;
        times.push(now);
        expect(window.add(now)).toBe(times.filter((time) => now - time < 1_000).length);
      }
    }),
  );
});

test('the log is bounded, and counts on', () => {
  const log = new RequestLog(10);
  for (let n = 0; n < 25; n += 1) {
    const entry = log.receive(n * 100, 'AC1');
    entry.messageId = `m${n}`;
    log.accept(entry, `SM${n}`);
    log.finish(entry, n * 100 + 1, 201);
  }
  expect([...log.entries()].map((entry) => entry.messageId)).toEqual(
    Array.from({ length: 10 }, (_, n) => `m${n + 15}`),
  );
  expect(log.stats()).toMatchObject({
    total: 25,
    accepted: 25,
    dropped: 15,
    inFlight: 0,
    maxPerSecond: 10,
    duplicates: 0,
  });
});

test('the message store is bounded: the oldest leave, by SID and by recipient', () => {
  const store = new MessageStore(3);
  const sids = Array.from({ length: 5 }, (_, n) => {
    const message = newMessage({ from: 'f', to, body: `n${n}`, statusCallback: '' }, account, null, n);
    store.add(message);
    return message.sid;
  });
  expect(store.newestFirst(account.accountSid, to).map((message) => message.sid)).toEqual(
    sids.slice(2).toReversed(),
  );
  expect(store.get(account.accountSid, sids[0] ?? '')).toBeUndefined();
  expect(store.get(other.accountSid, sids[4] ?? '')).toBeUndefined();
});

describe('over HTTP', () => {
  let simulator: Simulator;
  let clock: number;
  afterEach(() => simulator.close());
  beforeEach(async () => {
    clock = 1_000;
    const throttleClock = (): number => clock;
    simulator = await createSimulator({ accounts: [account, other], ratePerSecond: 5, throttleClock });
  });

  test('the throttle lets its rate through in a second and refuses the rest with 20429', async () => {
    const api = caller(simulator);
    const responses = await Promise.all(Array.from({ length: 12 }, () => api.create()));
    const statuses = responses.map((response) => response.status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(7);
    expect(simulator.stats()).toMatchObject({ total: 12, accepted: 5 });
    clock += 999;
    expect((await api.create()).status).toBe(429);
    clock += 1;
    expect((await api.create()).status).toBe(201);
  });

  test('requests are lines with their times, message and attempt; in flight is by account', async () => {
    const api = caller(simulator);
    await api.admin('POST', '/faults', { latency: { distribution: 'fixed', ms: 100 } });
    const StatusCallback = 'http://127.0.0.1:9/x?message=m1&attempt=2';
    await Promise.all([api.create({ StatusCallback }), api.create(), api.create()]);
    const lines = (await api.admin('GET', '/requests')).text.trim().split('\n');
    expect(lines).toHaveLength(3);
    const entry = lines
      .map((line) => JSON.parse(line) as Record<string, number | string>)
      .find((line) => line['messageId'] === 'm1');
    expect(entry).toMatchObject({ account: account.accountSid, to, body: 'hello', status: 201, attempt: 2 });
    expect(entry?.['sid']).toMatch(/^SM/);
    expect(Number(entry?.['finishedAt']) - Number(entry?.['receivedAt'])).toBeGreaterThanOrEqual(99);
    const stats = JSON.parse((await api.admin('GET', '/stats')).text) as { accounts: Record<string, object> };
    expect(stats.accounts[account.accountSid]).toMatchObject({
      requests: 3,
      accepted: 3,
      maxInFlight: 3,
      inFlight: 0,
    });
  });

  test('accounts are added and replaced, malformed ones refused', async () => {
    const api = caller(simulator);
    const fresh = { accountSid: `AC${'c'.repeat(32)}`, authToken: 'one', numbers: ['whatsapp:+14155238886'] };
    expect((await api.admin('POST', '/accounts', fresh)).status).toBe(200);
    expect((await caller(simulator, fresh).create()).status).toBe(201);
    await api.admin('POST', '/accounts', [{ ...fresh, authToken: 'two' }]);
    expect((await caller(simulator, fresh).create()).status).toBe(401);
    expect((await api.admin('POST', '/accounts', { accountSid: 'AC1' })).status).toBe(400);
    expect((await api.admin('POST', '/accounts', { ...fresh, accountSid: 'AC1' })).status).toBe(400);
  });

  test('reset forgets requests, messages and faults, and keeps accounts', async () => {
    const api = caller(simulator);
    await api.create();
    await api.admin('POST', '/faults', { rules: [{ action: 'error' }] });
    await api.admin('POST', '/reset');
    expect(simulator.stats()).toMatchObject({ total: 0, accepted: 0, maxPerSecond: 0 });
    expect((await api.create()).status).toBe(201);
  });

  test('unknown admin routes are 404', async () => {
    expect((await caller(simulator).admin('GET', '/nothing')).status).toBe(404);
  });
});
