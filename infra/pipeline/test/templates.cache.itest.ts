import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openDatabase, type Database } from '@mersal/ledger';
import { TemplateCache } from '@mersal/template-cache';
import { loginOf, type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let pipeline: Pipeline;
let database: Database;

beforeAll(async () => {
  pipeline = await startPipeline({ tenants: ['r1', 'r2'], cacheMetrics: 1 });
  database = openDatabase({
    url: pipeline.env['DATABASE_URL'] ?? '',
    max: 1,
    application: 'test',
    onError: () => {},
  });
}, 120_000);
afterAll(async () => {
  await database?.close();
  await pipeline?.stop();
});

function provider(restaurant: string) {
  const { accountSid, authToken } = pipeline.tenant(restaurant);
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  const call = (method: string, path: string, body?: object) =>
    fetch(`${pipeline.simulator.url}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  return {
    accountSid,
    create: async (name: string): Promise<string> => {
      const answer = await call('POST', '/v1/Content', {
        friendly_name: name,
        language: 'en',
        types: { 'twilio/text': { body: 'Your order {{1}} is ready' } },
      });
      expect(answer.status).toBe(201);
      return ((await answer.json()) as { sid: string }).sid;
    },
    remove: async (sid: string): Promise<void> => {
      expect((await call('DELETE', `/v1/Content/${sid}`)).status).toBe(204);
    },
  };
}

async function send(restaurant: string, template: string): Promise<string> {
  const answer = await fetch(`${pipeline.ingress}/api/whatsapp/send`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${pipeline.tenant(restaurant).apiKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ phoneNumber: '+966500000123', template, contentVariables: { 1: '42' } }),
  });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

async function statusOf(restaurant: string, id: string): Promise<{ status: string; attempts: unknown[] }> {
  const answer = await fetch(`${pipeline.ingress}/api/messages/${id}`, {
    headers: { authorization: `Bearer ${pipeline.tenant(restaurant).apiKey}` },
  });
  return (await answer.json()) as { status: string; attempts: unknown[] };
}

async function ended(restaurant: string, id: string) {
  return waitFor(
    async () => {
      const message = await statusOf(restaurant, id);
      return /^(sent|delivered|read|dead|failed)$/.test(message.status) ? message : undefined;
    },
    { timeoutMs: 40_000, describe: 'the message to end' },
  );
}

async function storedSid(accountSid: string, key: string): Promise<string | undefined> {
  const [row] = await database.run({
    name: 'test-stored-sid',
    text: 'select sid from template_sid where account = $1 and key = $2',
    values: [accountSid, key],
  });
  return row?.['sid'] as string | undefined;
}

async function warm(...args: string[]) {
  const bin = fileURLToPath(new URL('../../../apps/cli/bin/mersal.mjs', import.meta.url));
  const env = { PATH: process.env['PATH'] ?? '', ...pipeline.env };
  const run = promisify(execFile)(process.execPath, [bin, 'cache', 'warm', ...args, '--json'], { env });
  const { stdout, code } = await run.then(
    (done) => ({ ...done, code: 0 }),
    (error: { stdout: string; code: number }) => error,
  );
  return { code, json: JSON.parse(stdout) as { warmed: number; missing: number } };
}

describe('templates by name', () => {
  it('are resolved through the cache; a SID that the provider refuses is replaced, and the message sent', async () => {
    const { accountSid, create, remove } = provider('r1');
    const first = await create('order_ready');
    expect((await ended('r1', await send('r1', 'order_ready'))).status).toMatch(/sent|delivered|read/);
    expect(await storedSid(accountSid, 'order_ready')).toBe(first);

    await remove(first);
    const second = await create('order_ready');
    const message = await ended('r1', await send('r1', 'order_ready'));
    expect(message.status).toMatch(/sent|delivered|read/);
    expect(await storedSid(accountSid, 'order_ready')).toBe(second);

    const counted = await waitFor(
      async () => {
        const answer = await fetch(`${pipeline.ingress}/api/cache/metrics`);
        const { runtime } = (await answer.json()) as {
          runtime: { byKey: Record<string, { misses: number; creations: number }> };
        };
        const counts = runtime.byKey['order_ready'];
        return counts && counts.misses >= 2 ? counts : undefined;
      },
      { timeoutMs: 20_000, describe: 'the look-ups to be counted' },
    );
    // Found at the provider, twice; nothing was made.
    expect(counted).toMatchObject({ misses: 2, creations: 0 });
  });

  it('are forgotten as well where a status callback says that the SID is gone; the message is sent once more, and not again', async () => {
    const { accountSid, create, remove } = provider('r2');
    const goneAtDelivery = (count: number) =>
      pipeline.simulator.faults({
        rules: [{ match: { account: accountSid }, action: 'async_fail', code: 63027, count }],
      });
    const first = await create('receipt');
    expect((await ended('r2', await send('r2', 'receipt'))).status).toMatch(/sent|delivered|read/);
    expect(await storedSid(accountSid, 'receipt')).toBe(first);

    await goneAtDelivery(1);
    const id = await send('r2', 'receipt');
    await waitFor(
      async () =>
        (await pipeline.simulator.requests()).some((one) => one.messageId === id && one.status === 201),
      { describe: 'the provider to accept it' },
    );
    const second = await create('receipt');
    await remove(first);
    const delivered = await waitFor(
      async () => {
        const message = await statusOf('r2', id);
        return message.attempts.length === 2 && /delivered|read|dead|failed/.test(message.status) && message;
      },
      { timeoutMs: 40_000, describe: 'the second attempt' },
    );
    expect(delivered.status).toMatch(/delivered|read/);
    expect(await storedSid(accountSid, 'receipt')).toBe(second);

    await goneAtDelivery(2);
    const failing = await send('r2', 'receipt');
    const over = await waitFor(
      async () => {
        const message = await statusOf('r2', failing);
        return message.status === 'failed' && message;
      },
      { timeoutMs: 40_000, describe: 'the message to fail' },
    );
    expect(over.attempts).toHaveLength(2);
    await waitFor(async () => (await storedSid(accountSid, 'receipt')) === undefined, {
      describe: 'the SID to be forgotten',
    });
    await pipeline.simulator.clearFaults();
    expect((await ended('r2', await send('r2', 'receipt'))).status).toMatch(/sent|delivered|read/);
    expect(await storedSid(accountSid, 'receipt')).toBe(second);
  });

  it('are warmed up by an operator, and those that are missing named', async () => {
    const one = provider('r1');
    const two = provider('r2');
    const sids = [await one.create('welcome'), await two.create('welcome')];
    expect(await warm('--key', 'welcome')).toMatchObject({ code: 0, json: { warmed: 2, missing: 0 } });
    expect(await storedSid(one.accountSid, 'welcome')).toBe(sids[0]);
    expect(await storedSid(two.accountSid, 'welcome')).toBe(sids[1]);
    expect(await warm('--restaurant', 'r2', '--key', 'welcome', 'nothing')).toMatchObject({
      code: 3,
      json: { warmed: 1, missing: 1 },
    });
  });
});

describe('the report of the package', () => {
  it('has the alerts, the counts of all and the health that GET /api/cache/metrics has', async () => {
    // It would judge these alerts, of which there are no look-ups.
    await pipeline.services.get('cache-metrics-1')?.stop();
    const opened = new Date(Date.now() - 60_000).toISOString();
    const message = 'طلب: 70.0 % of 200 requests were misses, with 140 distinct hashes';
    await database.run({
      name: 'test-alerts',
      text: `
        insert into cache_alert (scope, key, opened_at, closed_at, judged_at, miss_rate, requests, cause, distinct_hashes, message, told_rate)
        values ('key', 'طلب', $1, null, $1, 0.7, 200, 'hash_churn', 140, $2, 0.7),
               ('global', '*', $1, $1, $1, 0.6, 300, 'cold_start', null, 'over', 0.6),
               ('key', 'old', '2020-01-01', '2020-01-02', '2020-01-01', 0.6, 300, 'unknown', null, 'long over', 0.6)`,
      values: [opened, message],
    });
    interface Told {
      readonly runtime: object;
      readonly alerts: readonly {
        readonly key: string | null;
        readonly state: string;
        readonly cause: string;
      }[];
      readonly health: { readonly status: string; readonly reasons: readonly string[] };
    }
    // Answers are kept for a moment.
    const told = await waitFor(
      async () => {
        const answer = (await (await fetch(`${pipeline.ingress}/api/cache/metrics`)).json()) as Told;
        return answer.alerts.length > 0 ? answer : undefined;
      },
      { describe: 'the alerts to be told' },
    );
    const cache = new TemplateCache({ env: { DATABASE_URL: pipeline.env['DATABASE_URL'] }, logger: silent });
    try {
      const report = await cache.getCacheReport();
      expect(report.alerts).toEqual(told.alerts);
      expect(report.alerts?.map(({ key, state, cause }) => [key, state, cause])).toEqual([
        ['طلب', 'open', 'hash_churn'],
        [null, 'closed', 'cold_start'],
      ]);
      expect(report.health).toEqual(told.health);
      expect(report.health.reasons).toContain(message);
      expect(told.runtime).toMatchObject(report.all ?? { hits: 'unknown' });
      expect(report.runtime.totalRequests).toBe(0);
    } finally {
      await cache.close();
    }
  });

  it('says that alerts are unknown where it may not read them', async () => {
    const url = await loginOf('mersal_sender', pipeline.env['DATABASE_URL'] ?? '');
    const cache = new TemplateCache({ env: { DATABASE_URL: url }, logger: silent });
    try {
      const { database: store, alerts, all, health } = await cache.getCacheReport();
      expect(store).toMatchObject({ reachable: true });
      expect([alerts, all]).toEqual([null, null]);
      expect(health.reasons.join()).toMatch(/alerts cannot be read: .*permission denied/);
    } finally {
      await cache.close();
    }
  });
});
