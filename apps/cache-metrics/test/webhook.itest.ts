import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TemplateAlert } from '@mersal/contracts';
import { applyRoles, type Database, migrate, openDatabase } from '@mersal/ledger';
import { freshDatabase, loginOf } from '@mersal/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callWebhook } from '../src/alert-webhook.js';

const OPENED_AT = 1_790_000_000_000;

interface Answer {
  readonly status: number;
  readonly retryAfter?: string;
}

let database: Database;
let hook: Server;
/** Of the next calls; then 200. */
let answers: Answer[];
let calls: string[];
let outcomes: string[];
let logged: string[];

beforeEach(async () => {
  const url = await freshDatabase('webhook');
  await migrate(url);
  await applyRoles(url);
  database = openDatabase({
    url: await loginOf('mersal_cache_metrics', url),
    max: 2,
    application: 'test',
    onError: () => {},
  });
  answers = [];
  calls = [];
  outcomes = [];
  logged = [];
  hook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      calls.push((JSON.parse(body) as { text: string }).text);
      const { status, retryAfter } = answers.shift() ?? { status: 200 };
      response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end('so so');
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await database.close();
  await new Promise((resolve) => hook.close(resolve));
});

const call = (): Promise<number> =>
  callWebhook({
    database,
    url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
    logger: {
      debug: () => {},
      info: () => {},
      warn: (_fields: object, line: string) => void logged.push(line),
      error: (_fields: object, line: string) => void logged.push(line),
    } as unknown as Parameters<typeof callWebhook>[0]['logger'],
    metrics: { count: (_name, labels) => void outcomes.push(String(labels?.['outcome'])) },
    fetch,
    // Pauses of just the length that they double to.
    random: () => 0.5,
  });

const run = (text: string, values: readonly unknown[] = []) => database.run({ name: '', text, values });

async function tell(more: Partial<TemplateAlert>, tries = 0): Promise<void> {
  const alert: TemplateAlert = {
    state: 'opened',
    scope: 'key',
    key: 'menu',
    openedAt: OPENED_AT,
    at: OPENED_AT,
    missRate: 0.8,
    requests: 50,
    cause: 'new_key',
    distinctHashes: 4,
    message: 'Cache miss spike detected!',
    ...more,
  };
  await run(
    'insert into cache_alert_event (event, webhook_due, webhook_tries) values ($1::jsonb, now(), $2)',
    [JSON.stringify(alert), tries],
  );
}

/** What waits for the webhook: after how many tries, and how long, in ms. */
async function waiting(): Promise<{ tries: number; ms: number }[]> {
  const rows = await run(`
    select webhook_tries as tries, extract(epoch from webhook_due - clock_timestamp()) * 1000 as ms
      from cache_alert_event where webhook_due is not null order by id`);
  return rows.map((row) => ({ tries: Number(row['tries']), ms: Number(row['ms']) }));
}

/** The pause is over. */
const passTime = () => run('update cache_alert_event set webhook_due = now() where webhook_due is not null');

describe('the webhook', () => {
  it('is called again after 500, 503 and 429, after pauses that double or as Retry-After says, until it takes it', async () => {
    await tell({});
    answers = [{ status: 500 }, { status: 503 }, { status: 429, retryAfter: '120' }, { status: 429 }];
    for (const [tries, pause] of [
      [1, 1_000],
      [2, 2_000],
      [3, 120_000],
      [4, 8_000],
    ] as const) {
      expect(await call()).toBe(1);
      const [left] = await waiting();
      expect(left?.tries).toBe(tries);
      expect(left?.ms).toBeLessThanOrEqual(pause);
      expect(left?.ms).toBeGreaterThan(pause / 2);
      expect(calls).toHaveLength(tries);
      if (pause >= 8_000) expect(await call()).toBe(0);
      expect(calls).toHaveLength(tries);
      await passTime();
    }
    expect(await call()).toBe(1);
    expect(await waiting()).toEqual([]);
    expect(await call()).toBe(0);
    expect(calls).toEqual(Array.from({ length: 5 }, () => '🚨 Cache miss spike detected!'));
    expect(outcomes).toEqual(['failed', 'failed', 'failed', 'failed', 'done']);
  });

  it.each([400, 404, 410])('is given up at once where it answers %i: no repeat will do', async (status) => {
    await tell({});
    answers = [{ status }];
    expect(await call()).toBe(1);
    expect(await waiting()).toEqual([]);
    expect(outcomes).toEqual(['given_up']);
    expect(logged).toEqual(['the webhook did not take an alert: given up']);
  });

  it('is given up after thirty tries', async () => {
    await tell({}, 28);
    answers = [{ status: 500 }, { status: 500 }];
    await call();
    expect(await waiting()).toMatchObject([{ tries: 29 }]);
    await passTime();
    await call();
    expect(await waiting()).toEqual([]);
    expect(outcomes).toEqual(['failed', 'given_up']);
    expect(calls).toHaveLength(2);
  });

  it('hears of the end of a spike behind its beginning, also where that was not taken at first', async () => {
    const all = { scope: 'global', key: null } as const;
    await tell({ message: 'one began' });
    await tell({ ...all, message: 'all began' });
    answers = [{ status: 500, retryAfter: '60' }];
    expect(await call()).toBe(2);
    await tell({ state: 'closed', message: 'one is over' });
    await tell({ ...all, state: 'closed', message: 'all is over' });
    // Other alerts, and another spike of the same key, do not wait for it.
    await tell({ key: 'other', message: 'other began' });
    await tell({ openedAt: OPENED_AT + 600_000, message: 'one again' });
    expect(await call()).toBe(2);
    expect(calls.at(-1)).toBe('🚨 other began\n🚨 one again');
    expect(await call()).toBe(0);
    await passTime();
    expect(await call()).toBe(4);
    expect(calls.at(-1)).toBe('🚨 one began\n🚨 all began\n✅ one is over\n✅ all is over');
    expect(await waiting()).toEqual([]);
  });
});
