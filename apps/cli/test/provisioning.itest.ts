import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partitionFor } from '@mersal/contracts';
import { createAdmin } from '@mersal/kafka';
import { findPrincipal, openDatabase, parseCredentialKeys, readTenants } from '@mersal/ledger';
import { engines, freshDatabase, randomName } from '@mersal/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { mersal } from './mersal-process.js';

const PARTITIONS = 12;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const apiKey = `mk_${randomBytes(8).toString('hex')}_${randomBytes(24).toString('hex')}`;
const authToken = randomBytes(16).toString('hex');
const accountSid = `AC${randomBytes(16).toString('hex')}`;
const restaurants = [
  {
    restaurantId: 'r1',
    name: 'Shawarma House',
    accountSid,
    authToken,
    fromNumbers: ['whatsapp:+14155238886'],
    apiKey,
  },
];

let env: Record<string, string>;
let queue: string;

async function databaseOf<T>(work: (database: ReturnType<typeof openDatabase>) => Promise<T>): Promise<T> {
  const database = openDatabase({
    url: env['DATABASE_URL'] as string,
    max: 2,
    application: 'cli-test',
    onError: () => {},
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

beforeAll(async () => {
  const shared = await engines();
  queue = randomName('cli');
  env = {
    KAFKA_BROKERS: shared.kafka.join(','),
    REDIS_URL: shared.redis,
    DATABASE_URL: await freshDatabase('cli'),
    WHATSAPP_SEND_QUEUE_NAME: queue,
    TOPIC_PARTITIONS: String(PARTITIONS),
    TOPIC_REPLICATION: '1',
    CREDENTIALS_KEY: randomBytes(32).toString('base64'),
    ID_KEYS: `1:${randomBytes(32).toString('base64')}`,
  };
});

describe('from an empty stack to restaurants that can send', () => {
  it('says which migrations wait, with exit code 3, and applies them once', async () => {
    const before = await mersal(['migrate', 'status', '--json'], { env });
    expect(before.code).toBe(3);
    const waiting = (before.json() as { pending: string[] }).pending;
    expect(waiting).toContain('0001_installation-and-tenants');

    const deployed = await mersal(['migrate', 'deploy', '--json'], { env });
    expect(deployed).toMatchObject({ code: 0, err: '' });
    expect(deployed.json()).toEqual({ applied: waiting });
    expect((await mersal(['migrate', 'deploy', '--json'], { env })).json()).toEqual({ applied: [] });
    expect((await mersal(['migrate', 'status'], { env })).code).toBe(0);
  });

  it('refuses restaurants while the partition count is not agreed', async () => {
    const file = await tenantFile(restaurants);
    const refused = await mersal(['tenants', 'seed', '--file', file], { env });
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('mersal topics ensure');
  });

  it('creates the topics and writes their partition count into the ledger', async () => {
    const first = await mersal(['topics', 'ensure', '--json'], { env });
    expect(first.json()).toMatchObject({ drifted: [] });
    expect(first).toMatchObject({ code: 0, err: '' });
    const made = first.json() as { created: string[]; partitions: number };
    expect(made.created).toEqual(expect.arrayContaining([queue, `${queue}.retry`, `${queue}.callbacks`]));
    expect(made.partitions).toBe(PARTITIONS);

    const again = await mersal(['topics', 'ensure', '--json'], { env });
    expect(again.json()).toMatchObject({ created: [] });
    const status = await mersal(['topics', 'status', '--json'], { env });
    expect(status.code).toBe(0);
    expect(status.json()).toMatchObject({ missing: [], drifted: [] });
    const rows = await databaseOf((database) =>
      database.run({ name: 'x', text: 'select queue, partitions from installation', values: [] }),
    );
    expect(rows).toEqual([{ queue, partitions: PARTITIONS }]);
  });

  it('stores the restaurants with keys that work, and prints no secret', async () => {
    const file = await tenantFile(restaurants);
    const seeded = await mersal(['tenants', 'seed', '--file', file], { env });
    expect(seeded).toMatchObject({ code: 0, err: '' });
    const listed = await mersal(['tenants', 'list', '--json'], { env });
    for (const secret of [apiKey, authToken]) expect(seeded.out + listed.out).not.toContain(secret);
    expect(listed.json()).toMatchObject({
      tenants: [{ restaurantId: 'r1', status: 'active', partition: partitionFor('r1', PARTITIONS) }],
    });

    await databaseOf(async (database) => {
      const credentials = parseCredentialKeys(env['CREDENTIALS_KEY'] as string);
      const [tenant] = await readTenants(database, credentials, ['r1']);
      expect(tenant).toMatchObject({ authToken, accountSid, fromNumbers: ['whatsapp:+14155238886'] });
      const principal = await findPrincipal(database, apiKey);
      expect(principal).toMatchObject({ restaurantId: 'r1', scopes: new Set(['send', 'read']) });
    });
    // Seeding again changes nothing.
    expect((await mersal(['tenants', 'seed', '--file', file], { env })).out).toBe(seeded.out);
  });

  it('forgets the templates of an account that a restaurant leaves, and of no other', async () => {
    const sids = () =>
      databaseOf((database) =>
        database.run({
          name: 'sids',
          text: 'select account, sid from template_sid order by sid',
          values: [],
        }),
      );
    const other = `AC${randomBytes(16).toString('hex')}`;
    await databaseOf((database) =>
      database.run({
        name: 'store',
        text: "insert into template_sid (account, key, hash, sid) values ($1, 'menu', 'h', 'HX1'), ($2, 'menu', 'h', 'HX2')",
        values: [accountSid, other],
      }),
    );
    const seed = async (account: string) => {
      const file = await tenantFile(restaurants.map((one) => ({ ...one, accountSid: account })));
      expect(await mersal(['tenants', 'seed', '--file', file], { env })).toMatchObject({ code: 0, err: '' });
    };
    await seed(accountSid);
    expect(await sids()).toHaveLength(2);
    await seed(other);
    expect(await sids()).toEqual([{ account: other, sid: 'HX2' }]);
    await seed(accountSid);
    expect(await sids()).toEqual([]);
  });

  it('creates a restaurant with a token from stdin or the environment, and shows its key once', async () => {
    const sid = `AC${randomBytes(16).toString('hex')}`;
    const args = [
      'tenants',
      'create',
      '--id',
      'r2',
      '--account-sid',
      sid,
      '--from',
      'whatsapp:+14155238887',
      '--json',
    ];
    const without = await mersal(args, { env });
    expect(without.code).toBe(2);

    const created = await mersal(args, { env, input: `${authToken}\n` });
    expect(created).toMatchObject({ code: 0, err: '' });
    const { apiKey: key } = created.json() as { apiKey: string };
    const twice = await mersal(args, { env: { ...env, TWILIO_AUTH_TOKEN: authToken } });
    expect(twice.code).toBe(1);
    expect(JSON.parse(twice.err)).toMatchObject({ error: { code: 'tenant_exists' } });
    await databaseOf(async (database) => {
      expect(await findPrincipal(database, key)).toMatchObject({ restaurantId: 'r2' });
      const [tenant] = await readTenants(database, parseCredentialKeys(env['CREDENTIALS_KEY'] as string), [
        'r2',
      ]);
      expect(tenant).toMatchObject({ authToken, accountSid: sid });
    });
  });

  it('makes, lists and revokes keys', async () => {
    const made = await mersal(['keys', 'create', '--restaurant', 'r1', '--scopes', 'read', '--json'], {
      env,
    });
    expect(made).toMatchObject({ code: 0, err: '' });
    const { keyId, apiKey: key } = made.json() as { keyId: string; apiKey: string };
    const listed = await mersal(['keys', 'list', '--restaurant', 'r1', '--json'], { env });
    expect((listed.json() as { keys: { keyId: string }[] }).keys.map((one) => one.keyId)).toContain(keyId);
    expect(listed.out).not.toContain(key);

    await databaseOf(async (database) => {
      expect(await findPrincipal(database, key)).toMatchObject({ scopes: new Set(['read']) });
      expect((await mersal(['keys', 'revoke', keyId], { env })).code).toBe(0);
      expect(await findPrincipal(database, key)).toBeUndefined();
    });
    expect((await mersal(['keys', 'revoke', 'nosuchkey'], { env })).code).toBe(1);
    expect((await mersal(['keys', 'rotate', keyId], { env })).code).toBe(1);
    const tooMuch = await mersal(['keys', 'create', '--restaurant', 'r1', '--scopes', 'admin'], { env });
    expect(tooMuch.code).toBe(2);
  });

  it('rotates a key, and says who did so', async () => {
    const made = await mersal(['keys', 'create', '--scopes', 'send:any,read', '--days', '30', '--json'], {
      env,
    });
    const first = made.json() as { keyId: string; apiKey: string };
    const rotated = await mersal(['keys', 'rotate', first.keyId, '--overlap', '0', '--json'], { env });
    expect(rotated).toMatchObject({ code: 0, err: '' });
    const next = rotated.json() as { apiKey: string; scopes: string[]; replaces: string };
    expect(next).toMatchObject({ scopes: ['send:any', 'read'], replaces: first.keyId });
    await databaseOf(async (database) => {
      expect(await findPrincipal(database, first.apiKey)).toBeUndefined();
      const principal = await findPrincipal(database, next.apiKey);
      expect(principal?.scopes).toEqual(new Set(['send:any', 'read']));
      expect(principal?.expiresAt).toBeGreaterThan(Date.now() + 29 * 86_400_000);
    });
    expect((await mersal(['keys', 'rotate', first.keyId], { env })).code).toBe(1);
    expect((await mersal(['keys', 'rotate', first.keyId, '--overlap', '-1'], { env })).code).toBe(2);
    const trail = await mersal(['audit', '--subject', first.keyId, '--json'], { env });
    expect((trail.json() as { items: { action: string }[] }).items.map(({ action }) => action)).toEqual([
      'keys.rotate',
      'keys.create',
    ]);
    for (const secret of [first.apiKey, next.apiKey]) expect(trail.out).not.toContain(secret);
  });

  it('holds a restaurant until it is resumed', async () => {
    const status = async () =>
      (
        (await mersal(['tenants', 'list', '--json'], { env })).json() as {
          tenants: { restaurantId: string; status: string }[];
        }
      ).tenants.find(({ restaurantId }) => restaurantId === 'r1')?.status;
    expect((await mersal(['tenants', 'suspend', 'r1', '--reason', 'unpaid'], { env })).code).toBe(0);
    expect(await status()).toBe('suspended');
    expect((await mersal(['tenants', 'resume', 'r1'], { env })).code).toBe(0);
    expect(await status()).toBe('active');
    expect((await mersal(['tenants', 'resume', 'nobody'], { env })).code).toBe(1);
  });

  it('shows the limits of a restaurant, changes those that are named, and says who did', async () => {
    const limits = (...given: string[]) => mersal(['tenants', 'limits', 'r1', ...given, '--json'], { env });
    const first = {
      restaurantId: 'r1',
      concurrency: null,
      ratePerSecond: null,
      onDead: 'skip',
      onUnknown: 'wait',
    };
    expect((await limits()).json()).toEqual(first);
    const { CREDENTIALS_KEY: _, ...keyless } = env;
    const set = ['--concurrency', '7', '--rate', '2.5', '--on-dead', 'hold', '--on-unknown', 'resend'];
    const all = await mersal(['tenants', 'limits', 'r1', ...set, '--json'], { env: keyless });
    const changed = { ...first, concurrency: 7, ratePerSecond: 2.5, onDead: 'hold', onUnknown: 'resend' };
    expect([all.code, all.json()]).toEqual([0, changed]);
    expect((await limits('--rate', 'default')).json()).toEqual({ ...changed, ratePerSecond: null });
    const text = await mersal(['tenants', 'limits', 'r1'], { env });
    expect(text.out).toMatch(
      /under way, at most +7\nmessages a second, at most +default\n.* hold\n.* resend\n$/,
    );

    for (const wrong of [
      ['--concurrency', '0'],
      ['--concurrency', '1001'],
      ['--concurrency', '1.5'],
      ['--rate', '0'],
      ['--rate', '1e2'],
      ['--on-dead', 'wait'],
      ['--on-unknown', 'skip'],
    ])
      expect([wrong, (await limits(...wrong)).code]).toEqual([wrong, 2]);
    expect((await mersal(['tenants', 'limits', 'nobody', '--rate', '1'], { env })).code).toBe(1);
    const trail = (await mersal(['audit', '--subject', 'r1', '--json'], { env })).json() as {
      items: { action: string; detail: object }[];
    };
    expect(trail.items.slice(0, 2)).toMatchObject([
      { action: 'tenants.update', detail: { ratePerSecond: null } },
      {
        action: 'tenants.update',
        detail: { concurrency: 7, ratePerSecond: 2.5, onDead: 'hold', onUnknown: 'resend' },
      },
    ]);
  });

  it('counts an idle queue and an unused cache without inventing rates', async () => {
    const metrics = await mersal(['queue', 'metrics', '--json'], { env });
    expect(metrics.json()).toMatchObject({ accepted: 0, waiting: 0, dead: 0, tenantConcurrency: {} });
    const cache = await mersal(['cache', 'report', '--json'], { env });
    expect(cache.json()).toMatchObject({ total: { totalRequests: 0, hitRate: null }, health: 'unknown' });
    expect((await mersal(['queue', 'message', 'x'], { env })).code).toBe(2);
    const unknown = `${'0'.repeat(32)}-1${'0'.repeat(12)}`;
    expect((await mersal(['queue', 'message', unknown], { env })).code).toBe(1);
  });

  it('reports a topic whose settings differ, with exit code 3, and leaves it alone', async () => {
    const other = {
      ...env,
      WHATSAPP_SEND_QUEUE_NAME: randomName('cli'),
      DATABASE_URL: await freshDatabase('cli'),
    };
    const shared = await engines();
    const admin = createAdmin({
      connection: { brokers: shared.kafka, clientId: 'cli-test', logger: silent },
    });
    try {
      const topic = `${other.WHATSAPP_SEND_QUEUE_NAME}.dead`;
      await admin.ensureTopics([
        { topic, partitions: 2, replication: 1, config: { 'retention.ms': '1000' } },
      ]);
      expect((await mersal(['migrate', 'deploy'], { env: other })).code).toBe(0);
      const ensured = await mersal(['topics', 'ensure', '--json'], { env: other });
      expect(ensured.code).toBe(3);
      const { drifted } = ensured.json() as {
        drifted: { topic: string; setting: string; have: string }[];
      };
      const ours = drifted.filter((one) => one.topic === topic);
      expect(ours).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ setting: 'partitions', have: '2' }),
          expect.objectContaining({ setting: 'retention.ms', have: '1000' }),
        ]),
      );
      expect((await mersal(['topics', 'status'], { env: other })).code).toBe(3);
      expect(await admin.partitionCount(topic)).toBe(2);
    } finally {
      await admin.close();
    }
  });

  it('gives up within its patience, with a reason, when an engine is away', async () => {
    const away = { ...env, DATABASE_URL: 'postgres://nobody:secret-word@127.0.0.1:1/none' };
    const failed = await mersal(['migrate', 'deploy'], { env: away });
    expect(failed.code).toBe(1);
    expect(failed.err).toContain('cannot be reached');
    expect(failed.err).not.toContain('secret-word');
  });
});

async function tenantFile(tenants: unknown): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'mersal-cli-')), 'tenants.json');
  await writeFile(path, JSON.stringify(tenants), { mode: 0o600 });
  return path;
}
