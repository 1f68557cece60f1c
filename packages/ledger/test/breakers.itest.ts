import { type Database, migrate, openDatabase, readBreakers, tellBreakers } from '@mersal/ledger';
import { freshDatabase } from '@mersal/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

let database: Database;
beforeAll(async () => {
  const url = await freshDatabase('breakers');
  await migrate(url);
  database = openDatabase({ url, max: 2, application: 'breakers-test', onError: () => undefined });
  for (const [id, account] of [
    ['b', 'AC1'],
    ['a', 'AC1'],
    ['c', 'AC2'],
  ])
    await database.run({
      name: 'test-tenant',
      text: `
        insert into tenant (restaurant_id, name, partition, account_sid, from_numbers)
        values ($1, $1, 0, $2, '{whatsapp:+14155238886}')`,
      values: [id, account],
    });
});
afterAll(() => database?.close());

const SINCE = 1_800_000_000_000;
const own = (accountSid: string | null, state: 'open' | 'half_open', later = 0) => ({
  accountSid,
  state,
  since: SINCE + later,
});
const age = (member: string, by: string) =>
  database.run({
    name: '',
    text: 'update breaker set seen_at = seen_at - $2::interval where member = $1',
    values: [member, by],
  });

it('what senders see is told together, by account and state, with whom it stops', async () => {
  expect(await readBreakers(database, 10)).toEqual([]);
  await tellBreakers(database, 's1/x', [
    own(null, 'open', 9),
    own('AC1', 'open', 5),
    own('AC2', 'half_open', 7),
  ]);
  await tellBreakers(database, 's2/y', [own('AC1', 'open', 3), own('AC3', 'open', 8)]);
  const provider = { ...own(null, 'open', 9), restaurantIds: [], instances: ['s1'] };
  const first = { ...own('AC1', 'open', 3), restaurantIds: ['a', 'b'], instances: ['s1', 's2'] };
  const all = await readBreakers(database, 10);
  expect(all).toEqual([
    provider,
    first,
    { ...own('AC2', 'half_open', 7), restaurantIds: ['c'], instances: ['s1'] },
    { ...own('AC3', 'open', 8), restaurantIds: [], instances: ['s2'] },
  ]);
  expect(await readBreakers(database, 2)).toEqual([provider, first]);
});

it('a sender’s next word is all that is left of it, and one that is gone is not believed', async () => {
  await tellBreakers(database, 's1/x', [own('AC2', 'open', 1)]);
  const left = { ...own('AC2', 'open', 1), restaurantIds: ['c'], instances: ['s1'] };
  await age('s2/y', '6 s');
  expect(await readBreakers(database, 10)).toEqual([left]);
  await age('s2/y', '1 min');
  await tellBreakers(database, 's1/x', []);
  expect(await readBreakers(database, 10)).toEqual([]);
  expect(await database.run({ name: '', text: 'select member from breaker', values: [] })).toEqual([]);
});
