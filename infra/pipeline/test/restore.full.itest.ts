import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { post, settled } from './api.js';
import { mersal } from './command-line.js';
import { customer, orderText } from './orders.js';

/** A ledger goes back to a backup while Kafka and the provider have gone on; the provider's record is the judge. */
const EACH = 100;
const RESTAURANTS = ['bakery', 'grill'];
const OPTED_OUT = '+966500999999';

let pipeline: Pipeline;
let server: pg.Client;
beforeAll(async () => {
  pipeline = await startPipeline({
    tenants: RESTAURANTS,
    latencyMs: 150,
    env: { QUEUE_BACKOFF_DELAY: '200', RECONCILE_GRACE_MS: '1000', RECONCILE_PAUSE_MS: '1000' },
  });
  const url = new URL(pipeline.database);
  url.pathname = '/postgres';
  server = new pg.Client({ connectionString: url.href });
  await server.connect();
}, 120_000);
afterAll(async () => {
  await pipeline?.stop();
  await server?.query(`drop database if exists ${backup()}`);
  await server?.end();
});

const live = (): string => pg.escapeIdentifier(new URL(pipeline.database).pathname.slice(1));
const backup = (): string => pg.escapeIdentifier(`${new URL(pipeline.database).pathname.slice(1)}_backup`);

/** Every second order goes to a customer who ordered before. */
async function order(from: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = from; n < from + EACH; n += 1) {
    const tenant = pipeline.tenant(RESTAURANTS[n % 2] ?? '');
    const guest = n % 4 < 2 ? n : n - 2;
    const send = { phoneNumber: customer(guest), text: orderText(n), conversationId: `guest-${guest}` };
    ids.push(await post(pipeline, tenant, send));
  }
  return ids;
}

const accepted = async (): Promise<Map<string, number>> => {
  const times = new Map<string, number>();
  for (const { messageId, sid } of await pipeline.simulator.requests())
    if (messageId !== null && sid !== null) times.set(messageId, (times.get(messageId) ?? 0) + 1);
  return times;
};
const acceptedAtLeast = (count: number, timeoutMs: number): Promise<unknown> =>
  waitFor(async () => (await accepted()).size >= count, {
    timeoutMs,
    describe: () => `${count} messages at the provider`,
  });

/** With requests under way, of which nobody hears: neither the answer nor, as ingress is gone first, a callback. */
async function killServices(): Promise<void> {
  for (const name of ['ingress-1', 'sender-1']) {
    const service = pipeline.services.get(name);
    service?.signal('SIGKILL');
    await service?.stop();
  }
}

async function copyDatabase(from: string, to: string): Promise<void> {
  await server.query('select pg_terminate_backend(pid) from pg_stat_activity where datname in ($1, $2)', [
    from.replaceAll('"', ''),
    to.replaceAll('"', ''),
  ]);
  await server.query(`drop database if exists ${to} with (force)`);
  await server.query(`create database ${to} template ${from}`);
}

async function unfinished(): Promise<number> {
  const ledger = new pg.Client({ connectionString: pipeline.database });
  await ledger.connect();
  try {
    const { rows } = await ledger.query('select count(*)::int as n from message where state < 10');
    return (rows[0] as { n: number }).n;
  } finally {
    await ledger.end();
  }
}

it('a restored ledger loses nothing that was accepted, and sends nothing twice', {
  timeout: 400_000,
}, async () => {
  const first = await order(0);
  await acceptedAtLeast(EACH / 2, 60_000);
  await killServices();
  await copyDatabase(live(), backup());
  const atBackup = (await accepted()).size;
  await pipeline.restart('ingress-1');
  await pipeline.restart('sender-1');

  // Somebody opts out whom the backup does not know to have.
  const refused = { match: { to: `whatsapp:${OPTED_OUT}` }, action: 'error', httpStatus: 400, code: 21610 };
  await pipeline.simulator.faults({ rules: [refused] });
  const bakery = pipeline.tenant('bakery');
  const toOptedOut = { phoneNumber: OPTED_OUT, text: 'هل تسمعنا؟', conversationId: 'opted-out' };
  const last = await post(pipeline, bakery, toOptedOut);
  const second = await order(EACH);
  await acceptedAtLeast(EACH + EACH / 2, 120_000);
  await settled(pipeline, bakery, last, ['dead']);
  await killServices();
  await pipeline.simulator.clearFaults();
  const ids = [...first, ...second];
  const before = await accepted();
  expect(before.size).toBeGreaterThan(atBackup);
  expect(before.size).toBeLessThan(ids.length);

  await copyDatabase(backup(), live());
  await mersal(pipeline, 'restore', 'begin');
  await pipeline.restart('sender-1');
  await pipeline.restart('ingress-1');
  const told = (await mersal(pipeline, 'restore', 'finish')).json as Record<string, number>;
  expect(told['changed']).toBeGreaterThan(0);
  expect(told['suspects']).toBeGreaterThanOrEqual(ids.length - before.size);
  expect(told['optOuts']).toBe(1);
  const { json } = await mersal(pipeline, 'restore', 'review');
  expect(json).toMatchObject({
    keys: { total: RESTAURANTS.length },
    pauses: { total: 0 },
    suppressions: { total: 1, items: [{ restaurantId: 'bakery', number: 'whatsapp:+9665…99' }] },
  });

  await waitFor(async () => (await unfinished()) === 0, {
    timeoutMs: 200_000,
    describe: 'every message to end',
  });
  const all = await accepted();
  const once = await post(pipeline, bakery, toOptedOut);
  await settled(pipeline, bakery, once, ['dead']);
  expect((await pipeline.simulator.requests()).filter(({ messageId }) => messageId === once)).toEqual([]);
  expect(ids.filter((id) => all.get(id) !== 1)).toEqual([]);
  expect((await pipeline.simulator.stats()).duplicates).toBe(0);
});
