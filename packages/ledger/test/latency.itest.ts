import { type Database, migrate, openDatabase, readLatency, tellLatency } from '@mersal/ledger';
import { freshDatabase } from '@mersal/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

let database: Database;
beforeAll(async () => {
  const url = await freshDatabase('latency');
  await migrate(url);
  database = openDatabase({ url, max: 2, application: 'latency-test', onError: () => undefined });
});
afterAll(() => database?.close());

const age = (member: string, by: string) =>
  database.run({
    name: '',
    text: 'update latency set seen_at = seen_at - $2::interval where member = $1',
    values: [member, by],
  });
const rows = () => database.run({ name: '', text: 'select member from latency order by 1', values: [] });

it('what each counts is told together, as of its last word', async () => {
  expect(await readLatency(database)).toBeNull();
  await tellLatency(database, 's1', { wait: [9, 9, 9], call: [9, 9, 9] });
  await tellLatency(database, 's1', { wait: [1, 0, 2], call: [0, 0, 0] });
  await tellLatency(database, 's2', { wait: [0, 5, 1], call: [7, 0, 3] });
  expect(await readLatency(database)).toEqual({ wait: [1, 5, 3], call: [7, 0, 3] });
  expect(await rows()).toHaveLength(2);
});

it('a process of another release may count by other buckets', async () => {
  await tellLatency(database, 's3', { wait: [1], call: [1] });
  expect(await readLatency(database)).toEqual({ wait: [2, 5, 3], call: [8, 0, 3] });
});

it('one that is gone is not believed, and soon forgotten; without any, nothing is known', async () => {
  await age('s2', '7 s');
  await age('s3', '2 min');
  expect(await readLatency(database)).toEqual({ wait: [1, 0, 2], call: [0, 0, 0] });
  await tellLatency(database, 's1', { wait: [0, 0, 0], call: [0, 0, 0] });
  expect(await rows()).toEqual([{ member: 's1' }, { member: 's2' }]);
  expect(await readLatency(database)).toEqual({ wait: [0, 0, 0], call: [0, 0, 0] });
  await age('s1', '7 s');
  expect(await readLatency(database)).toBeNull();
});
