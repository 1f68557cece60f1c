import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTwilioGateway, type TwilioGateway } from '../src/index.js';
import { accountA, accountB, conformance, newRecipient, numberA, numberB, textTo } from './conformance.js';
import { type SimulatorProcess, startSimulator } from './simulator-process.js';

const accounts = [
  { ...accountA, numbers: [numberA] },
  { ...accountB, numbers: [numberB] },
];

conformance('the SDK against the simulator', async () => {
  const simulator = await startSimulator(accounts);
  const gateway = createTwilioGateway({ baseUrl: simulator.url, timeoutMs: 5_000, maxSockets: 20 });
  const next = async (rule: object) => {
    await simulator.admin('POST', '/faults', { rules: [{ ...rule, count: 1 }] });
  };
  return {
    gateway,
    answerNext: (httpStatus, code, retryAfterS) => next({ action: 'error', httpStatus, code, retryAfterS }),
    breakNext: (how, accepted) =>
      next({
        action: {
          reset: accepted ? 'drop_after_accept' : 'drop_before_accept',
          truncated: 'truncate',
          unparsable: 'garbage',
        }[how],
      }),
    acceptedBodies: async () =>
      (await (await simulator.admin('GET', '/requests')).text())
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { sid: string | null; body: string })
        .filter((entry) => entry.sid !== null)
        .map((entry) => entry.body),
    close: async () => {
      await gateway.close();
      await simulator.stop();
    },
  };
});

describe('the SDK adapter', () => {
  let simulator: SimulatorProcess;
  let gateway: TwilioGateway;
  let hasty: TwilioGateway;
  beforeAll(async () => {
    simulator = await startSimulator(accounts);
    const options = { baseUrl: simulator.url, maxSockets: 20, maxListPages: 2 };
    gateway = createTwilioGateway({ ...options, timeoutMs: 10_000 });
    hasty = createTwilioGateway({ ...options, timeoutMs: 400 });
  });
  afterAll(async () => {
    await simulator.stop();
    await gateway.close();
    await hasty.close();
  });
  const script = (body: object) => simulator.admin('POST', '/faults', body);

  test('a hang after writing is ambiguous by time-out, within the deadline', async () => {
    await script({ rules: [{ action: 'hang', count: 1 }] });
    const outcome = await hasty.send(accountA, textTo(newRecipient(), 'x'));
    expect(outcome).toMatchObject({ class: 'ambiguous', cause: 'timeout' });
    expect(outcome.elapsedMs).toBeGreaterThanOrEqual(390);
    expect(outcome.elapsedMs).toBeLessThan(1_500);
  });

  test('nobody listening is not_sent and uses up no attempt', async () => {
    const away = createTwilioGateway({ baseUrl: 'http://127.0.0.1:1', timeoutMs: 400, maxSockets: 1 });
    const outcome = await away.send(accountA, textTo(newRecipient(), 'x'));
    expect(outcome).toMatchObject({ class: 'not_sent', cause: 'connect', countsAttempt: false });
    await away.close();
  });

  test('a connection that is not made within 800 ms is not_sent and uses up no attempt, however long the answer may take', async () => {
    const silent = net.createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as net.AddressInfo;
    const away = createTwilioGateway({
      baseUrl: `https://127.0.0.1:${port}`,
      timeoutMs: 10_000,
      maxSockets: 1,
    });
    const outcome = await away.send(accountA, textTo(newRecipient(), 'x'));
    expect(outcome).toMatchObject({ class: 'not_sent', cause: 'connect_timeout', countsAttempt: false });
    expect(outcome.elapsedMs).toBeGreaterThan(800 - 10);
    expect(outcome.elapsedMs).toBeLessThan(800 + 1_500);
    await away.close();
    silent.close();
  });

  test('a name that does not resolve is not_sent', async () => {
    const away = createTwilioGateway({ baseUrl: 'http://nowhere.invalid', timeoutMs: 3_000, maxSockets: 1 });
    const outcome = await away.send(accountA, textTo(newRecipient(), 'x'));
    expect(outcome).toMatchObject({ class: 'not_sent', cause: 'connect' });
    await away.close();
  });

  test('concurrent calls of two tenants keep their answers apart', async () => {
    await script({
      latency: { distribution: 'uniform', minMs: 1, maxMs: 30 },
      rules: [{ match: { account: accountB.accountSid }, action: 'error', httpStatus: 429, retryAfterS: 7 }],
    });
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0
          ? gateway.send(accountA, textTo(newRecipient(), `a${n}`))
          : gateway.send(accountB, { ...textTo(newRecipient(), `b${n}`), from: `whatsapp:${numberB}` }),
      ),
    );
    for (const [n, outcome] of outcomes.entries()) {
      expect(outcome.class).toBe(n % 2 === 0 ? 'accepted' : 'throttled');
      expect(outcome.retryAfterMs).toBe(n % 2 === 0 ? undefined : 7_000);
    }
  });

  test('the provider measures itself: duration and concurrency are handed on', async () => {
    await script({ latency: { distribution: 'fixed', ms: 50 } });
    const outcome = await gateway.send(accountA, textTo(newRecipient(), 'x'));
    expect(outcome.providerMs).toBeGreaterThanOrEqual(45);
    expect(outcome.concurrentRequests).toBe(1);
    expect(outcome.elapsedMs).toBeGreaterThanOrEqual(45);
  });

  test('a listing that was cut off by its page limit is incomplete', async () => {
    await script({});
    const to = newRecipient();
    for (let batch = 0; batch < 21; batch += 1)
      await Promise.all(Array.from({ length: 20 }, () => gateway.send(accountA, textTo(to, 'same'))));
    const filter = { to, from: `whatsapp:${numberA}`, since: new Date(Date.now() - 60_000) };
    const cut = await gateway.list(accountA, filter);
    expect(cut.complete).toBe(false);
    expect(cut.messages).toHaveLength(400);
    const patient = createTwilioGateway({ baseUrl: simulator.url, timeoutMs: 10_000, maxSockets: 2 });
    const whole = await patient.list(accountA, filter);
    await patient.close();
    expect(whole.complete).toBe(true);
    expect(new Set(whole.messages.map((message) => message.sid)).size).toBe(420);
  });

  test('a listing that fails is incomplete and says why', async () => {
    await script({ rules: [{ match: { route: 'list' }, action: 'error', httpStatus: 503, count: 1 }] });
    const filter = { to: newRecipient(), from: `whatsapp:${numberA}`, since: new Date() };
    expect(await gateway.list(accountA, filter)).toMatchObject({
      complete: false,
      messages: [],
      failure: { class: 'ambiguous', httpStatus: 503 },
    });
    expect(await gateway.list(accountA, filter)).toEqual({ complete: true, messages: [] });
  });
});
