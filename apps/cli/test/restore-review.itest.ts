import {
  agreePartitions,
  applyRoles,
  beginRestore,
  createKey,
  createPostgresLedger,
  finishRestore,
  migrate,
  openDatabase,
  revokeKey,
} from '@mersal/ledger';
import { freshDatabase, loginOf } from '@mersal/testkit';
import { expect, it } from 'vitest';
import { mersal } from './mersal-process.js';

const SUPPRESSED = 60;

it('mersal restore review lists what is in force, the newest of much, and how far decisions are known', async () => {
  const url = await freshDatabase('cli');
  await migrate(url);
  await agreePartitions(url, 'whatsapp-send', 2);
  await applyRoles(url);
  const env = { DATABASE_URL: await loginOf('mersal_cli', url) };
  const database = openDatabase({ url, max: 2, application: 'cli-test', onError: () => undefined });
  const run = (text: string, values: readonly unknown[] = []) => database.run({ name: '', text, values });
  const ledger = createPostgresLedger(database);
  const review = () => mersal(['restore', 'review', '--json'], { env });
  try {
    expect((await review()).err).toContain('no restore was begun');

    await run(
      `insert into tenant (restaurant_id, name, partition, account_sid, from_numbers, status, status_reason, suspended_by)
       values ('r1', 'r1', 0, 'AC1', '{whatsapp:+14155238886}', 'active', null, null),
              ('r2', 'r2', 1, 'AC2', '{whatsapp:+14155238887}', 'suspended', 'unpaid', 'cli:ali')`,
    );
    const given = { scopes: ['send' as const], expiresAt: null };
    const valid = await createKey(database, { ...given, restaurantId: 'r1', name: 'till' }, 'cli:ali');
    const ended = await createKey(database, { ...given, restaurantId: 'r1', name: 'former' }, 'cli:ali');
    await revokeKey(database, ended?.keyId ?? '', 'cli:sara');
    await createKey(
      database,
      { ...given, restaurantId: null, name: 'over', expiresAt: Date.now() - 1 },
      'cli:ali',
    );
    const [{ tenant } = {}] = await run("select id as tenant from tenant where restaurant_id = 'r1'");
    await ledger.setPause({ scope: 'tenant', tenant: tenant as number }, null, 'a stocktaking', 'cli:ali');
    await ledger.setPause({ scope: 'tenant', tenant: (tenant as number) + 1 }, null, 'over', 'cli:ali');
    await ledger.liftPause({ scope: 'tenant', tenant: (tenant as number) + 1 }, 'cli:ali');
    await run(
      `insert into suppression (tenant, recipient, address, reason, created_at, lifted_at)
       select $1, sha256(n::text::bytea), 'whatsapp:+9665000000' || lpad(n::text, 2, '0'), '21610', now() - n * interval '1 hour',
              case when n = 1 then now() end
         from generate_series(1, $2::int) n`,
      [tenant, SUPPRESSED],
    );
    const { from } = await beginRestore(database, 'cli:omar');
    await beginRestore(database, 'cli:omar');

    const during = (await review()).json() as Record<string, unknown>;
    expect(during).toMatchObject({ newest: new Date(from).toISOString(), finishedAt: null });
    expect(during['keys']).toMatchObject({
      total: 1,
      items: [{ keyId: valid?.keyId, restaurantId: 'r1', name: 'till', scopes: ['send'], expiresAt: null }],
    });
    expect(during['pauses']).toMatchObject({
      total: 2,
      items: [
        { restaurantId: null, reason: 'the ledger was restored' },
        { restaurantId: 'r1', reason: 'a stocktaking', until: null },
      ],
    });
    expect(during['suspended']).toMatchObject({
      total: 1,
      items: [{ restaurantId: 'r2', reason: 'unpaid', by: 'cli:ali' }],
    });
    expect(during['suppressionsOf']).toEqual({ total: 1, items: [{ restaurantId: 'r1', count: 59 }] });
    const suppressions = during['suppressions'] as { total: number; items: { number: string }[] };
    expect([suppressions.total, suppressions.items.length]).toEqual([59, 50]);
    expect(suppressions.items[0]?.number).toBe('whatsapp:+9665…02');

    // What the restore itself did is none of the decisions that the backup knows.
    const decisions = during['decisions'] as { action: string; actor: string; subject: string }[];
    expect(decisions.map(({ action }) => action)).toEqual([
      'queue.resume',
      'queue.pause',
      'keys.create',
      'keys.revoke',
    ]);
    expect(decisions.at(-1)).toMatchObject({ actor: 'cli:sara', subject: ended?.keyId });

    await finishRestore(database, 'cli:omar', {});
    const after = (await review()).json() as Record<string, unknown>;
    expect(after).toMatchObject({ newest: during['newest'], finishedAt: expect.any(String), decisions });
    expect(after['pauses']).toMatchObject({ total: 1, items: [{ restaurantId: 'r1' }] });

    const { code, out } = await mersal(['restore', 'review'], { env });
    expect(code).toBe(0);
    expect(out).toContain(`nothing that was decided after ${new Date(from).toISOString()} is known here`);
    expect(out).toContain('recipients who opted out: 59, the first 50 of them');
    expect(out).not.toMatch(/\+966500000/);
  } finally {
    await database.close();
  }
});
