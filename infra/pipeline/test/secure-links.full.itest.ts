import { kafkaRights, redisRights, topicNames } from '@mersal/contracts';
import { connectionOf, createAdmin, KafkaAccessError } from '@mersal/kafka';
import { openDatabase } from '@mersal/ledger';
import {
  checkNoDouble,
  checkNoLoss,
  loginOf,
  ownSecureKafka,
  ownSecurePostgres,
  ownSecureRedis,
  type Pipeline,
  type PostedSend,
  randomName,
  startPipeline,
  startService,
  testAuthority,
  waitFor,
} from '@mersal/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, post, settled } from './api.js';
import { mersal } from './command-line.js';
import { customer, orderText } from './orders.js';

/** Every link over TLS that is verified, every service with the rights of its own user in every engine and no others. */
const queue = randomName('safe');
const topics = topicNames(queue);
const APPS = ['ingress', 'sender', 'cache-metrics', 'cli'] as const;
const passwords = Object.fromEntries(
  ['admin', ...APPS.map((app) => `mersal-${app}`)].map((user) => [user, randomName('password')]),
);
const authority = await testAuthority();
const stranger = await testAuthority();
const certificate = await authority.issue('localhost');
const [kafka, redis, postgres] = await Promise.all([
  ownSecureKafka(certificate, passwords),
  ownSecureRedis(
    authority,
    certificate,
    passwords,
    Object.fromEntries(redisRights(queue).map(({ service, rules }) => [`mersal-${service}`, rules])),
  ),
  ownSecurePostgres(authority, certificate),
]);
const kafkaEnv = (user: string, more: Record<string, string> = {}): Record<string, string> => ({
  KAFKA_BROKERS: kafka.brokers.join(','),
  KAFKA_TLS: 'true',
  KAFKA_TLS_CA: authority.ca,
  KAFKA_SASL_MECHANISM: 'scram-sha-512',
  KAFKA_SASL_USERNAME: user,
  KAFKA_SASL_PASSWORD: passwords[user] ?? '',
  ...more,
});
let pipeline: Pipeline;

beforeAll(async () => {
  const admin = createAdmin({ connection: connectionAs('admin') });
  await admin.allow(kafkaRights(topics), (service) => `User:mersal-${service}`);
  await admin.close();
  pipeline = await startPipeline({
    tenants: ['grills', 'sweets'],
    queue,
    cacheMetrics: 1,
    latencyMs: 20,
    engines: {
      kafka: kafka.brokers,
      redis: redis.urlOf('mersal-sender'),
      postgres: postgres.urlOf(postgres.plain),
    },
    env: { REDIS_TLS_CA: authority.ca, QUEUE_BACKOFF_DELAY: '200', INGRESS_RATE_PER_TENANT: '500' },
    of: Object.fromEntries(
      APPS.map((app) => [
        app,
        {
          ...kafkaEnv(`mersal-${app}`, app === 'ingress' ? { KAFKA_SASL_MECHANISM: 'scram-sha-256' } : {}),
          ...(app === 'cache-metrics'
            ? { CREDENTIALS_KEY: '' }
            : { REDIS_URL: redis.urlOf(`mersal-${app}`) }),
        },
      ]),
    ),
  });
}, 180_000);
afterAll(async () => {
  await pipeline?.stop();
  await Promise.all([kafka.remove(), redis.remove(), postgres.remove()]);
  authority.remove();
  stranger.remove();
});

function connectionAs(user: string, more: Record<string, string> = {}) {
  const env = kafkaEnv(user, more);
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  return connectionOf(
    {
      KAFKA_BROKERS: (env['KAFKA_BROKERS'] ?? '').split(','),
      KAFKA_TLS: true,
      KAFKA_TLS_CA: env['KAFKA_TLS_CA'],
      KAFKA_TLS_CERT: undefined,
      KAFKA_TLS_KEY: undefined,
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_SASL_USERNAME: user,
      KAFKA_SASL_PASSWORD: env['KAFKA_SASL_PASSWORD'] ?? '',
    },
    'secure-links-test',
    quiet,
  );
}

/** What asking for the send topic's partitions ends with. */
async function refusal(connection: ReturnType<typeof connectionAs>): Promise<unknown> {
  const admin = createAdmin({ connection, patienceMs: 3_000 });
  try {
    return await admin.partitionCount(topics.send).catch((error: unknown) => error);
  } finally {
    await admin.close();
  }
}

const codeOf = (error: unknown): string =>
  error instanceof KafkaAccessError ? error.code : `not refused: ${String(error)}`;

/** As a ledger that was restored from before: what became of the messages is known by the outcomes only. */
async function forgetAll(): Promise<void> {
  const ledger = openDatabase({
    url: pipeline.database,
    max: 1,
    application: 'test',
    onError: () => undefined,
  });
  const run = (text: string) => ledger.run({ name: '', text, values: [] });
  await waitFor(async () => (await run('select 1 from outbox limit 1')).length === 0, {
    describe: 'all outcomes to be published',
  });
  for (const table of ['lane', 'message', 'body', 'attempt', 'callback']) await run(`delete from ${table}`);
  await ledger.close();
}

async function createTemplate(name: string): Promise<void> {
  const { accountSid, authToken } = pipeline.tenant('grills');
  const answer = await fetch(`${pipeline.simulator.url}/v1/Content`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      friendly_name: name,
      language: 'en',
      types: { 'twilio/text': { body: 'Order {{1}}' } },
    }),
  });
  expect(answer.status).toBe(201);
}

describe('the pipeline over verified links, with the rights of its users only', () => {
  it('delivers every message once, its callbacks come back, and the cache is counted', async () => {
    await createTemplate('order_ready');
    const posted: PostedSend[] = [];
    for (let n = 0; n < 60; n += 1) {
      const tenant = pipeline.tenant(n % 2 === 0 ? 'grills' : 'sweets');
      const content =
        n % 10 === 0
          ? { template: 'order_ready', contentVariables: { 1: String(n) } }
          : { text: orderText(n) };
      const send = { phoneNumber: customer(n % 5), conversationId: `table-${n % 5}`, ...content };
      const id = await post(pipeline, tenant, send as Parameters<typeof post>[2]);
      posted.push({ id, restaurantId: tenant.restaurantId, conversation: `table-${n % 5}`, priority: 5 });
    }
    for (const { id, restaurantId } of posted)
      await settled(pipeline, pipeline.tenant(restaurantId), id, ['delivered', 'read']);
    const seen = await pipeline.simulator.requests();
    expect(checkNoDouble(seen)).toEqual([]);
    expect(checkNoLoss(posted, seen, new Map())).toEqual([]);
    await waitFor(
      async () => {
        const { json } = await mersal(pipeline, 'cache', 'report');
        return JSON.stringify(json).includes('order_ready');
      },
      { timeoutMs: 30_000, describe: 'the cache report to count the template' },
    );
  });

  it('gives messages up and puts them back, by the API and the command line; reads the log again', async () => {
    const tenant = pipeline.tenant('sweets');
    const rules = [{ match: { account: tenant.accountSid }, action: 'error', httpStatus: 400, code: 63_016 }];
    for (const way of ['api', 'cli'] as const) {
      await pipeline.simulator.faults({ latency: { distribution: 'fixed', ms: 20 }, rules });
      const id = await post(pipeline, tenant, { phoneNumber: customer(9), text: orderText(9) });
      await settled(pipeline, tenant, id, ['dead']);
      await pipeline.simulator.clearFaults();
      if (way === 'api') {
        const { status } = await call(pipeline, pipeline.adminToken, 'POST', '/api/redrives', { ids: [id] });
        expect(status).toBeLessThan(300);
      } else {
        expect((await mersal(pipeline, 'dead', 'redrive', '--id', id, '--yes')).code).toBe(0);
      }
      await settled(pipeline, tenant, id, ['delivered', 'read']);
    }
    await forgetAll();
    const from = new Date(Date.now() - 600_000).toISOString();
    const again = await mersal(pipeline, 'replay', '--from', from, '--yes');
    expect(again.json).toMatchObject({ sent: 0 });
    const replay = await call(pipeline, pipeline.adminToken, 'POST', '/api/replays', { from });
    expect(replay.status).toBe(202);
    await waitFor(
      async () => {
        const path = `/api/replays/${String(replay.body['id'])}`;
        return (await call(pipeline, pipeline.adminToken, 'GET', path)).body['state'] === 'ended';
      },
      { describe: 'the replay to end' },
    );
    await waitFor(
      async () => [0, 3].includes((await mersal(pipeline, 'cache', 'replay', '--from', from)).code ?? 1),
      { timeoutMs: 40_000, intervalMs: 1_000, describe: 'the cache replay to have windows to compare with' },
    );
  });

  it('repeats what the provider throttles', async () => {
    const tenant = pipeline.tenant('grills');
    const match = { account: tenant.accountSid };
    await pipeline.simulator.faults({
      rules: [{ match, action: 'error', httpStatus: 429, code: 20_429, count: 1 }],
    });
    const id = await post(pipeline, tenant, { phoneNumber: customer(8), text: orderText(8) });
    expect((await settled(pipeline, tenant, id, ['delivered', 'read'])).attempts).toHaveLength(2);
    await pipeline.simulator.clearFaults();
  });

  it('uses every right in Kafka that it has, and no service asked for another', async () => {
    const key = (one: { user: string; operation: string; resource: string; name: string }): string =>
      `${one.user} ${one.operation} ${one.resource} ${one.name}`;
    const used = new Set(kafka.usedRights().map(key));
    const unused = kafkaRights(topics)
      .map(({ service, ...right }) => key({ user: `mersal-${service}`, ...right }))
      .filter((right) => !used.has(right));
    // Alerts need minutes of spikes, and a replay that has something to send needs a ledger that lost it: other tests have them.
    expect(unused.toSorted()).toEqual(
      [
        `mersal-cache-metrics WRITE topic ${topics.templateAlerts}`,
        `mersal-cli WRITE topic ${topics.send}`,
      ].toSorted(),
    );
  });

  it('had no command refused by Redis; each user reaches nothing but its keys', async () => {
    const admin = new Redis(redis.plain, { enableReadyCheck: false });
    try {
      expect(await admin.call('acl', 'log')).toEqual([]);
    } finally {
      admin.disconnect();
    }
    const sender = new Redis(redis.urlOf('mersal-sender'), { tls: { ca: await caOf() } });
    try {
      await expect(sender.get('another:key')).rejects.toThrow('NOPERM');
      await expect(sender.flushall()).rejects.toThrow('NOPERM');
      await expect(sender.config('GET', '*')).rejects.toThrow('NOPERM');
    } finally {
      sender.disconnect();
    }
  });
});

async function caOf(): Promise<Buffer> {
  return (await import('node:fs/promises')).readFile(authority.ca);
}

describe('a link that is not what it should be', () => {
  it('to Kafka is refused by a code: another CA, another name, another password, no right', async () => {
    expect(codeOf(await refusal(connectionAs('mersal-cli', { KAFKA_TLS_CA: stranger.ca })))).toBe(
      'kafka_certificate',
    );
    const byAddress = kafka.brokers.map((broker) => broker.replace('localhost', '127.0.0.1')).join(',');
    expect(codeOf(await refusal(connectionAs('mersal-cli', { KAFKA_BROKERS: byAddress })))).toBe(
      'kafka_certificate',
    );
    expect(codeOf(await refusal(connectionAs('mersal-cli', { KAFKA_SASL_PASSWORD: 'wrong' })))).toBe(
      'kafka_login_failed',
    );
    expect(codeOf(await refusal(connectionAs('mersal-cache-metrics')))).toBe('kafka_forbidden');
    expect(await refusal(connectionAs('mersal-cli'))).toBe(12);
  });

  it('to Postgres is refused: another CA, another name', async () => {
    const ask = async (url: string): Promise<string> => {
      const database = openDatabase({ url, max: 1, application: 'test', onError: () => undefined });
      try {
        await database.run({ name: '', text: 'select 1', values: [] });
        return 'let in';
      } catch (error) {
        return String(error);
      } finally {
        await database.close();
      }
    };
    expect(await ask(postgres.urlOf(postgres.plain))).toBe('let in');
    expect(await ask(postgres.urlOf(postgres.plain, { ca: stranger.ca }))).toMatch(/certificate/);
    expect(await ask(postgres.urlOf(postgres.plain, { host: '127.0.0.1' }))).toMatch(/altnames/);
  });

  it('to Redis is named by the doctor: another CA, another name', async () => {
    const { url } = { url: redis.urlOf('mersal-cli') };
    const redisFinding = async (env: Record<string, string>): Promise<string> => {
      const { json } = await mersal({ cli: { ...pipeline.cli, ...env } }, 'doctor');
      const { checks } = json as { checks: { name: string; state: string; detail: string }[] };
      const found = checks.find((one) => one.name === 'redis');
      return `${found?.state}: ${found?.detail}`;
    };
    expect(await redisFinding({ REDIS_URL: url })).toMatch(/^ok/);
    expect(await redisFinding({ REDIS_URL: url, REDIS_TLS_CA: stranger.ca })).toMatch(/certificate/);
    expect(await redisFinding({ REDIS_URL: redis.urlOf('mersal-cli', '127.0.0.1') })).toMatch(/altnames/);
  });
});

describe('a service whose right is taken away', () => {
  it('ingress: answers 503 and says by a code that Kafka refuses it', async () => {
    await kafka.forbid('mersal-ingress', 'topic', topics.send);
    const tenant = pipeline.tenant('grills');
    const refused = await waitFor(
      async () => {
        const { body } = await call(pipeline, tenant.apiKey, 'POST', '/api/whatsapp/send', {
          phoneNumber: customer(1),
          text: orderText(1),
        });
        return body['code'] === 'queue_unavailable' ? body : undefined;
      },
      { timeoutMs: 20_000, describe: 'ingress to be refused' },
    );
    // One record, and the one broker that had it said no: that is certain.
    expect(refused).toMatchObject({ accepted: false });
    await waitFor(
      () =>
        pipeline.services
          .get('ingress-1')
          ?.lines.some((line) => line.includes('"kafka_forbidden"') && line.includes('mersal topics acls')),
      { timeoutMs: 5_000, describe: 'the line that says so' },
    );
  });

  it('sender: ends, and says by a code that Kafka refuses it; so does one that starts', async () => {
    await kafka.forbid('mersal-sender', 'group', `${queue}.senders`);
    const sender = pipeline.services.get('sender-1');
    await waitFor(() => sender?.ended !== undefined, { timeoutMs: 40_000, describe: 'the sender to end' });
    expect(sender?.ended).toBe(1);
    expect(
      sender?.lines.some((line) => line.includes('"level":60') && line.includes('"kafka_forbidden"')),
    ).toBe(true);

    const anew = await startService({
      app: 'sender',
      name: 'sender-anew',
      env: { ...(await pipeline.envOf('sender')) },
      untilReady: false,
    });
    await waitFor(() => anew.ended !== undefined, { timeoutMs: 40_000, describe: 'the new sender to end' });
    expect(anew.ended).toBe(1);
    expect(anew.lines.some((line) => line.includes('"kafka_forbidden"'))).toBe(true);
  });

  it('a wrong role in the database: the service ends, and says what is forbidden', async () => {
    const url = await loginOf('mersal_cache_metrics', pipeline.database);
    const service = await startService({
      app: 'ingress',
      name: 'ingress-wrong-role',
      env: { ...(await pipeline.envOf('ingress')), PORT: '0', DATABASE_URL: url },
      untilReady: false,
    });
    await waitFor(() => service.ended !== undefined, { timeoutMs: 20_000, describe: 'ingress to end' });
    expect(service.ended).toBe(1);
    expect(service.lines.join('\n')).toMatch(/"forbidden".*permission denied for table installation/);
  });
});
