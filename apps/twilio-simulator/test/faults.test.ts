import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { faultScriptSchema, Faults } from '../src/faults.js';
import { createSimulator, type Simulator } from '../src/simulator.js';
import { account, caller, other, to, until } from './caller.js';

describe('a fault script', () => {
  const create = { route: 'create' as const, account: 'AC1', to };
  const script = (value: object) => faultScriptSchema.parse(value);

  test('repeats itself for the same seed, and a rate is its share', () => {
    const run = (seed: number): boolean[] => {
      const faults = new Faults();
      faults.load(script({ seed, rules: [{ action: 'error', rate: 0.3 }] }), 0);
      return Array.from({ length: 2_000 }, () => faults.decide(create, 0).response !== undefined);
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
    const share = run(7).filter(Boolean).length / 2_000;
    expect(share).toBeGreaterThan(0.26);
    expect(share).toBeLessThan(0.34);
  });

  test('a counted rule is spent; a later rule takes over', () => {
    const faults = new Faults();
    faults.load(
      script({
        rules: [
          { action: 'error', count: 2 },
          { action: 'hang', count: 1 },
        ],
      }),
      0,
    );
    const actions = Array.from({ length: 4 }, () => faults.decide(create, 0).response?.action);
    expect(actions).toEqual(['error', 'error', 'hang', undefined]);
  });

  test('matches by account, recipient and route', () => {
    const faults = new Faults();
    faults.load(
      script({
        rules: [{ match: { account: 'AC1', to: '+966500000001', route: 'create' }, action: 'error' }],
      }),
      0,
    );
    expect(faults.decide(create, 0).response).toBeDefined();
    expect(faults.decide({ ...create, account: 'AC2' }, 0).response).toBeUndefined();
    expect(faults.decide({ ...create, to: 'whatsapp:+1' }, 0).response).toBeUndefined();
    expect(faults.decide({ ...create, route: 'list' }, 0).response).toBeUndefined();
  });

  test('a broken answer and a silent callback go together', () => {
    const faults = new Faults();
    faults.load(script({ rules: [{ action: 'drop_after_accept' }, { action: 'no_callback' }] }), 0);
    expect(faults.decide(create, 0)).toMatchObject({
      response: { action: 'drop_after_accept' },
      noCallback: true,
    });
  });

  test('an outage ends by itself', () => {
    const faults = new Faults();
    faults.load(script({ outage: { seconds: 2 } }), 1_000);
    expect(faults.decide(create, 2_999).outage).toBe('http');
    expect(faults.decide(create, 3_000).outage).toBeUndefined();
  });

  test.each([
    [{ distribution: 'fixed', ms: 20 }, 20, 20],
    [{ distribution: 'uniform', minMs: 5, maxMs: 10 }, 5, 10],
    [{ distribution: 'lognormal', medianMs: 100, sigma: 1, maxMs: 400 }, 0, 400],
  ])('latency %o stays within its bounds', (latency, min, max) => {
    const faults = new Faults();
    faults.load(script({ latency }), 0);
    const samples = Array.from({ length: 1_000 }, () => faults.decide(create, 0).latencyMs).toSorted(
      (a, b) => a - b,
    );
    expect(samples[0]).toBeGreaterThanOrEqual(min);
    expect(samples.at(-1)).toBeLessThanOrEqual(max);
    if (latency.distribution === 'lognormal') {
      expect(samples[500]).toBeGreaterThan(85);
      expect(samples[500]).toBeLessThan(115);
    }
  });
});

describe('faults over HTTP', () => {
  let simulator: Simulator;
  let api: ReturnType<typeof caller>;
  beforeEach(async () => {
    simulator = await createSimulator({ accounts: [account, other] });
    api = caller(simulator);
  });
  afterEach(() => simulator.close());
  const outcome = (): Promise<number | 'broken'> =>
    api.create().then(
      async (response) => {
        try {
          await response.json();
          return response.status;
        } catch {
          return 'broken' as const;
        }
      },
      () => 'broken' as const,
    );

  test.each([
    ['error', 500, 0],
    ['drop_before_accept', 'broken', 0],
    ['drop_after_accept', 'broken', 1],
    ['truncate', 'broken', 1],
    ['garbage', 'broken', 1],
  ])('%s', async (action, answered, accepted) => {
    await api.admin('POST', '/faults', { rules: [{ action, count: 1 }] });
    expect(await outcome()).toBe(answered);
    expect(simulator.stats().accepted).toBe(accepted);
    expect(await outcome()).toBe(201);
    await until(
      () => simulator.stats().inFlight,
      (inFlight) => inFlight === 0,
    );
  });

  test('hang gives no answer, and is in flight until the caller leaves', async () => {
    await api.admin('POST', '/faults', { rules: [{ action: 'hang_after_accept', count: 1 }] });
    const abort = new AbortController();
    const path = `/2010-04-01/Accounts/${account.accountSid}/Messages.json`;
    const body = new URLSearchParams({ From: 'whatsapp:+14155238886', To: to, Body: 'x' });
    const call = api.call('POST', path, { body, signal: abort.signal }).then(
      () => 'answered',
      () => 'left',
    );
    await until(
      () => simulator.stats(),
      (stats) => stats.accepted === 1 && stats.inFlight === 1,
    );
    abort.abort();
    expect(await call).toBe('left');
    await until(
      () => simulator.stats().inFlight,
      (inFlight) => inFlight === 0,
    );
    const entry = JSON.parse((await api.admin('GET', '/requests')).text) as { status: number };
    expect(entry.status).toBe(0);
  });

  test('a code brings its HTTP status and Retry-After', async () => {
    await api.admin('POST', '/faults', { rules: [{ action: 'error', code: 20429, retryAfterS: 3 }] });
    const response = await api.create();
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('3');
    await api.admin('DELETE', '/faults');
    expect(await outcome()).toBe(201);
  });

  test('an outage answers 503 to everything of the API, and resets when asked to', async () => {
    await api.admin('POST', '/faults', { outage: { seconds: 60 } });
    expect((await api.create()).status).toBe(503);
    expect((await api.list()).status).toBe(503);
    await api.admin('POST', '/faults', { outage: { seconds: 60, mode: 'reset' } });
    expect(await outcome()).toBe('broken');
    expect(simulator.stats().accepted).toBe(0);
  });

  test.each([
    [{ rules: [{ action: 'explode' }] }],
    [{ rules: [{ action: 'error', rate: 2 }] }],
    [{ unknown: 1 }],
    ['x'],
  ])('a script that is not understood is refused: %o', async (script) => {
    expect((await api.admin('POST', '/faults', script)).status).toBe(400);
    expect(await outcome()).toBe(201);
  });
});
