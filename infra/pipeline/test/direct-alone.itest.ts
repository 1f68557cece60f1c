import { type Database, openDatabase } from '@mersal/ledger';
import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call } from './api.js';
import { customer, orderText } from './orders.js';

const SENDS = 12;
const DIRECT = { WHATSAPP_SEND_QUEUE_ENABLED: 'false' };

/** Restaurants that only send without the queue need no sender: what senders do for the ledger, ingress does. */
let pipeline: Pipeline;
let database: Database;
let direct: string;
beforeAll(async () => {
  pipeline = await startPipeline({ tenants: ['zafran'], senders: 0, latencyMs: 20 });
  database = openDatabase({ url: pipeline.database, max: 1, application: 'test', onError: () => undefined });
  direct = await pipeline.startIngress('ingress-direct', DIRECT);
}, 120_000);
afterAll(async () => {
  await database?.close();
  await pipeline?.stop();
});

const ask = (text: string, values: readonly unknown[] = []) => database.run({ name: '', text, values });

async function post(n: number): Promise<string> {
  const send = { phoneNumber: customer(n), text: orderText(n) };
  const { apiKey } = pipeline.tenant('zafran');
  const { status, body } = await call(pipeline, apiKey, 'POST', '/api/whatsapp/send', send, {}, direct);
  expect([status, body['status']]).toEqual([200, 'sent']);
  return body['id'] as string;
}

it('counts are put together and stay right, old messages go, without any sender', async () => {
  const ids: string[] = [];
  for (let n = 0; n < SENDS; n += 1) ids.push(await post(n));
  await waitFor(
    async () =>
      (await ask('select state from message_tally group by state having count(*) > 1')).length === 0,
    { timeoutMs: 15_000, describe: 'the counts to be put together' },
  );
  const counted = await ask(
    'select state, sum(n)::int as n from message_tally group by state order by state',
  );
  const there = await ask('select state, count(*)::int as n from message group by state order by state');
  expect(counted).toEqual(there);
  expect(there.reduce((sum, row) => sum + (row['n'] as number), 0)).toBe(SENDS);

  const count = async (of: string) => Number((await ask(`select count(*)::int as n from ${of}`))[0]?.['n']);
  expect(await count('body')).toBe(SENDS);
  const age = (days: number, most: number) =>
    ask(
      `update message set changed_at = clock_timestamp() - $1 * interval '1 day', erased = $1 > 40
        where (tenant, u) in (select tenant, u from message where not erased and changed_at > now() - interval '1 day' limit $2)`,
      [days, most],
    );
  await age(31, 3);
  await age(46, 2);
  // It looks at once, and then every minute.
  await pipeline.startIngress('ingress-direct-2', DIRECT);
  await waitFor(async () => (await count('message')) === SENDS - 2, {
    describe: 'old ids to be forgotten',
  });
  expect([await count('message where erased'), await count('body')]).toEqual([3, SENDS - 3]);
  expect(await ask('select sum(n)::int as n from message_tally')).toEqual([{ n: SENDS - 2 }]);
}, 60_000);
