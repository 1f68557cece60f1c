import { randomUUID } from 'node:crypto';
import {
  agreePartitions,
  applyRoles,
  createPostgresLedger,
  type Database,
  erase,
  FUNCTION_GRANTS,
  migrate,
  openDatabase,
  ROLES,
  type Role,
  SEQUENCE_GRANTS,
  TABLE_GRANTS,
} from '@mersal/ledger';
import { freshDatabase, loginOf } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const url = await freshDatabase('roles');
const open: Database[] = [];
const connect = (to: string): Database => {
  const database = openDatabase({ url: to, max: 2, application: 'roles-test', onError: () => undefined });
  open.push(database);
  return database;
};
const ask = (database: Database, text: string) => database.run({ name: '', text, values: [] });
let owner: Database;
const as = new Map<Role, Database>();
const by = (role: Role): Database => as.get(role) as Database;

beforeAll(async () => {
  await migrate(url);
  await agreePartitions(url, 'whatsapp-send', 2);
  await Promise.all([applyRoles(url), applyRoles(url)]);
  owner = connect(url);
  for (const role of ROLES) as.set(role, connect(await loginOf(role, url)));
});
afterAll(() => Promise.all(open.map((database) => database.close())));

describe('the roles of the services', () => {
  it('have a decision for every table and sequence that there is, and for no other', async () => {
    const found = await ask(owner, "select tablename as name from pg_tables where schemaname = 'public'");
    expect(found.map((row) => String(row['name'])).toSorted()).toEqual(Object.keys(TABLE_GRANTS).toSorted());
    const sequences = await ask(
      owner,
      `select c.relname as name from pg_class c
        where c.relkind = 'S' and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'i')`,
    );
    const ofMigrations = 'migration_id_seq';
    expect(
      sequences
        .map((row) => String(row['name']))
        .filter((name) => name !== ofMigrations)
        .toSorted(),
    ).toEqual(Object.keys(SEQUENCE_GRANTS).toSorted());
  });

  it('have a decision for every function that runs as its owner, and nobody else may call one', async () => {
    const found = await ask(
      owner,
      `select format('%s(%s)', p.proname, array_to_string(array(select format_type(t, null) from unnest(p.proargtypes) t), ', ')) as name,
              has_function_privilege('public', p.oid, 'execute') as open, p.proconfig::text as config
         from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef`,
    );
    const plain = (name: string) => name.replace('timestamp with time zone', 'timestamptz');
    expect(found.map((row) => plain(String(row['name']))).toSorted()).toEqual(
      Object.keys(FUNCTION_GRANTS).toSorted(),
    );
    for (const row of found) {
      expect(row['open']).toBe(false);
      // Whose tables it means is not for the caller to say.
      expect(row['config']).toContain('search_path=public, pg_temp');
    }
  });

  it('let data be erased that has ended, and nothing be deleted besides', async () => {
    const scope = { tenant: 1, restaurantId: 'r1', recipient: null };
    for (const role of ['mersal_ingress', 'mersal_cli'] as const)
      expect(await erase(by(role), scope, { dryRun: false, by: 'test' })).toMatchObject({ erased: 0 });
    for (const role of ['mersal_sender', 'mersal_cache_metrics'] as const)
      await expect(ask(by(role), 'select erase_page(1, null, null, null, 1)')).rejects.toMatchObject({
        code: 'forbidden',
      });
  });

  it.each([
    ['mersal_cache_metrics', 'account'],
    ['mersal_cache_metrics', 'tenant'],
    ['mersal_cache_metrics', 'message'],
    ['mersal_cache_metrics', 'body'],
    ['mersal_cache_metrics', 'outbox'],
    ['mersal_cache_metrics', 'dead_record'],
    ['mersal_cache_metrics', 'api_key'],
    ['mersal_sender', 'api_key'],
    ['mersal_sender', 'audit'],
    ['mersal_ingress', 'dead_record'],
    ['mersal_ingress', 'migration'],
    ['mersal_cli', 'cache_alert_event'],
  ] as const)('%s does not read %s', async (role, table) => {
    await expect(ask(by(role), `select 1 from ${table} limit 1`)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining(`permission denied for table ${table}`),
    });
  });

  it.each([
    ['mersal_sender', "update tenant set account_sid = 'x'"],
    ['mersal_sender', "update account set key_id = 'x'"],
    ['mersal_sender', 'delete from message'],
    ['mersal_sender', 'delete from body'],
    ['mersal_sender', 'delete from message_tally'],
    ['mersal_ingress', 'delete from message_tally'],
    ['mersal_ingress', 'insert into message_tally values (0, 1)'],
    ['mersal_cli', 'select prune_page(1, 1, 1)'],
    ['mersal_cli', 'select fold_tally()'],
    ['mersal_ingress', 'delete from message'],
    ['mersal_ingress', 'delete from audit'],
    ['mersal_ingress', 'delete from body'],
    ['mersal_ingress', 'delete from attempt'],
    ['mersal_ingress', 'delete from callback'],
    ['mersal_ingress', 'delete from message_event'],
    ['mersal_cli', 'delete from body'],
    ['mersal_cli', 'delete from message_event'],
    ['mersal_ingress', "update audit set actor = 'x'"],
    ['mersal_cli', 'delete from audit'],
    ['mersal_cli', 'delete from message'],
    ['mersal_cli', 'update installation set created_at = now()'],
    ['mersal_cache_metrics', 'delete from cache_total'],
    ['mersal_ingress', 'create table mine (n integer)'],
    ['mersal_sender', 'drop table message'],
  ] as const)('%s may not: %s', async (role, text) => {
    await expect(ask(by(role), text)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('lose what they were given besides when the rights are applied again', async () => {
    await ask(owner, 'grant all on account to mersal_cache_metrics');
    await ask(owner, 'grant select (hash) on api_key to mersal_sender');
    expect(await ask(by('mersal_cache_metrics'), 'select 1 from account')).toEqual([]);
    await applyRoles(url);
    await expect(ask(by('mersal_cache_metrics'), 'select 1 from account')).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(ask(by('mersal_sender'), 'select hash from api_key')).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  // Postgres checks the rights of every table of a statement, whether it finds rows there or not.
  it.each(['mersal_cli', 'mersal_ingress'] as const)('let operators decide by %s', async (role) => {
    const ledger = createPostgresLedger(by(role));
    const [tenant, u] = [1, randomUUID()];
    const place = { most: 1, order: 'newest' } as const;
    for (const decision of ['sent', 'not_sent', 'dead'] as const)
      expect(await ledger.decideUnknown(tenant, u, decision, { sid: 'SM1', by: 'test' })).toBe(false);
    expect(await ledger.releaseHeld(tenant, u)).toBeNull();
    expect(await ledger.retryNow(tenant, u)).toBe(false);
    expect(await ledger.listStuck(null, 0, 10)).toEqual([]);
    await ledger.setPause({ scope: 'all' }, null, 'a test', 'test');
    expect(await ledger.readPauses()).toHaveLength(1);
    expect(await ledger.liftPause({ scope: 'all' }, 'test')).toBe(true);
    expect(await ledger.listSuppressions(tenant, 10)).toEqual([]);
    expect(await ledger.liftSuppression(tenant, 'a'.repeat(32), 'test')).toBe(false);
    expect(await ledger.listUnknown(null, 10)).toEqual([]);
    expect(await ledger.listDead({}, place)).toEqual([]);
    expect(await ledger.countDead({})).toEqual([]);
    for (const kind of ['message', 'record'] as const)
      expect(await ledger.discardDead([{ kind, tenant, u }])).toBe(0);
    expect(await ledger.statesOf([{ tenant, u }])).toEqual([undefined]);
    expect(await ledger.readMessage(tenant, u)).toBeUndefined();
    expect((await ledger.counts()).accepted).toBe(0);
  });

  it('let the sender own partitions', async () => {
    const ledger = createPostgresLedger(by('mersal_sender'));
    const own = await ledger.takeOwnership(1, 'sender-1');
    await ledger.giveBack(own);
  });

  it.each(['mersal_sender', 'mersal_ingress'] as const)(
    'let %s forget old messages and put counts together',
    async (role) => {
      const ledger = createPostgresLedger(by(role));
      expect(await ledger.prune({ detailMs: 0, idMs: 0 }, 10)).toBe(0);
      await ask(owner, 'insert into message_tally values (0, 1), (0, -1)');
      expect(await ledger.foldTally()).toBe(2);
      expect(await ledger.foldTally()).toBe(0);
    },
  );
});
