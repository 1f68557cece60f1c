import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openDatabase, type Database } from '@mersal/ledger';
import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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

async function statusOf(restaurant: string, id: string): Promise<{ status: string; attempts: number }> {
  const answer = await fetch(`${pipeline.ingress}/api/messages/${id}`, {
    headers: { authorization: `Bearer ${pipeline.tenant(restaurant).apiKey}` },
  });
  return (await answer.json()) as { status: string; attempts: number };
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
