import { migrate, openDatabase } from '@mersal/ledger';
import { freshDatabase } from '@mersal/testkit';
import { expect, it } from 'vitest';
import { mersal } from './mersal-process.js';

const MESSAGES = 2_001;

it('mersal unknown list shows all there are, page behind page, and counts those that wait for somebody', async () => {
  const url = await freshDatabase('cli');
  await migrate(url);
  const database = openDatabase({ url, max: 2, application: 'cli-test', onError: () => undefined });
  const run = (text: string, values: readonly unknown[] = []) => database.run({ name: '', text, values });
  try {
    await run(
      "insert into tenant (restaurant_id, name, partition, account_sid, from_numbers) values ('r1', 'r1', 0, 'AC1', '{whatsapp:+14155238886}')",
    );
    // The last of them is the only one to decide on; hundreds have one time.
    await run(
      `insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, accepted_at, changed_at, error_class)
       select t.id, gen_random_uuid(), '1aaaaaaaaaaaa', 0, n, 'c', 5, n, 5, '-infinity', now(),
              timestamptz '2026-01-01' + (n / 700) * interval '1 s', case when n = $1 then 'undecided' end
         from tenant t, generate_series(1, $1::int) n`,
      [MESSAGES],
    );
    const listed = await mersal(['unknown', 'list', '--json'], { env: { DATABASE_URL: url } });
    const { items } = listed.json() as { items: { id: string; undecided: boolean }[] };
    expect([listed.code, listed.err]).toEqual([3, '']);
    expect(new Set(items.map(({ id }) => id)).size).toBe(MESSAGES);
    expect(items.filter(({ undecided }) => undecided)).toHaveLength(1);
  } finally {
    await database.close();
  }
});
