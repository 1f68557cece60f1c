import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  decodeEvent,
  type TemplateAlert,
  type TemplateEvent,
  templateEventRecord,
  topicNames,
  topicSettings,
} from '@mersal/contracts';
import { createAdmin, createConsumer, createPublisher, type KafkaAdmin, type Publisher } from '@mersal/kafka';
import { applyRoles, type Database, migrate, openDatabase, readCacheAlerts } from '@mersal/ledger';
import {
  freshDatabase,
  loginOf,
  ownKafka,
  type ServiceProcess,
  startService,
  waitFor,
} from '@mersal/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const PARTITIONS = 12;
const topics = topicNames();
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let kafka: Awaited<ReturnType<typeof ownKafka>>;
let admin: KafkaAdmin;
let publisher: Publisher;
let database: Database;
let running: ServiceProcess[];
let env: Record<string, string>;
let marker: string;
let hook: Server;
let answers: number[];
let posted: string[];

beforeAll(async () => {
  // All events of the broker are one window of the global rate: others' tests must not be in it.
  kafka = await ownKafka();
  const connection = { brokers: kafka.brokers, clientId: 'alerts-test', logger: silent };
  admin = createAdmin({ connection });
  publisher = await createPublisher({ connection });
  const settings = topicSettings(topics, { partitions: PARTITIONS, replication: 1 });
  await admin.ensureTopics(settings.filter((one) => one.topic.startsWith('template-')));
});
afterAll(async () => {
  await publisher.close();
  await admin.close();
  await kafka.stop();
});

beforeEach(async () => {
  const url = await freshDatabase('alerts');
  await migrate(url);
  await applyRoles(url);
  database = openDatabase({ url, max: 2, application: 'test', onError: () => {} });
  answers = [];
  posted = [];
  hook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => (body += part));
    request.on('end', () => {
      const status = answers.shift() ?? 200;
      if (status === 200) posted.push((JSON.parse(body) as { text: string }).text);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  env = {
    KAFKA_BROKERS: kafka.brokers.join(','),
    DATABASE_URL: await loginOf('mersal_cache_metrics', url),
    LOG_LEVEL: 'info',
    CACHE_ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
  };
  running = [];
  marker = randomBytes(4).toString('hex');
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.stop()));
  await database.close();
  await new Promise((resolve) => hook.close(resolve));
});

async function start(name: string): Promise<ServiceProcess> {
  const service = await startService({ app: 'cache-metrics', name, env });
  running.push(service);
  return service;
}

async function publish(n: number, event: (i: number) => Partial<TemplateEvent> & { key: string }) {
  const producer = randomBytes(6).toString('hex');
  const events = Array.from(
    { length: n },
    (_, i): TemplateEvent => ({
      kind: 'miss',
      tenant: 'r1',
      hash: `h${i}`,
      at: Date.now(),
      producer,
      sequence: i + 1,
      ...event(i),
    }),
  );
  await publisher.publish(
    events.map((one) =>
      templateEventRecord(one, { topic: topics.templateEvents, partitions: PARTITIONS, source: 'test' }),
    ),
  );
}

/** Every alert of these keys in the topic, with its id. */
async function inTopic(keys: readonly string[]): Promise<{ id: string; alert: TemplateAlert }[]> {
  const found: { id: string; alert: TemplateAlert }[] = [];
  const ends = await admin.endOffsets(topics.templateAlerts);
  const at = new Map<number, bigint>();
  const consumer = createConsumer({
    connection: { brokers: kafka.brokers, clientId: 'alerts-test', logger: silent },
    groupId: `alerts-test-${randomBytes(4).toString('hex')}`,
    topics: [topics.templateAlerts],
    onAssigned: async ({ partitions }) =>
      partitions.map((partition) => ({ topic: topics.templateAlerts, partition, offset: 0n })),
    onBatch: async (batch) => {
      for (const record of batch.records) {
        const { data, headers, type } = decodeEvent(record.headers, record.value);
        if (type === 'mersal.template.alert.v1' && data.key !== null && keys.includes(data.key))
          found.push({ id: headers.id, alert: data });
      }
      at.set(batch.partition, batch.lastOffset + 1n);
    },
    onRevoked: () => {},
    onFatal: () => {},
  });
  await consumer.start();
  try {
    await waitFor(() => [...ends].every(([p, end]) => end === 0n || (at.get(p) ?? 0n) >= end), {
      timeoutMs: 30_000,
      describe: 'the whole topic to be read',
    });
  } finally {
    await consumer.close();
  }
  return found;
}

const lines = (text: string): string[] =>
  running.flatMap((service) => service.lines.filter((line) => line.includes(text) && line.includes(marker)));

/** The operators' command line, against this test's engines. */
async function mersal(...args: string[]): Promise<{ exitCode: number; json: Record<string, unknown> }> {
  const bin = fileURLToPath(new URL('../../cli/bin/mersal.mjs', import.meta.url));
  const child = execFile(process.execPath, [bin, ...args, '--json'], { env: { ...process.env, ...env } });
  let out = '';
  let errors = '';
  child.stdout?.on('data', (part: string) => (out += part));
  child.stderr?.on('data', (part: string) => (errors += part));
  const [exitCode] = (await once(child, 'close')) as [number];
  if (out === '') throw new Error(`mersal ${args.join(' ')} said nothing but ${errors}`);
  return { exitCode, json: JSON.parse(out) as Record<string, unknown> };
}

describe('alerts of cache-metrics', () => {
  it('are told once to the log, the topic and the webhook, whoever is killed, and a replay gives the same', async () => {
    const began = new Date().toISOString();
    answers = [500, 503];
    const first = await start('cache-metrics-1');
    await start('cache-metrics-2');
    const churn = `${marker}-churn`;
    const calm = `${marker}-calm`;
    await publish(61, () => ({ key: churn }));
    await publish(50, () => ({ key: calm, kind: 'hit' }));
    await waitFor(async () => (await readCacheAlerts(database, 0, 10)).length >= 2, {
      timeoutMs: 45_000,
      describe: 'alerts to open',
    });
    first.signal('SIGKILL');
    await start('cache-metrics-3');
    await publish(40, (i) => ({ key: churn, hash: `more-${i}` }));
    const alerts = await waitFor(
      async () => {
        const open = await readCacheAlerts(database, 0, 10);
        return open.some(({ key, requests }) => key === churn && requests === 101) ? open : undefined;
      },
      { timeoutMs: 60_000, describe: 'the spike to be judged by those who are left' },
    );
    expect(new Set(alerts.map(({ scope, key, closedAt }) => `${scope} ${key} ${closedAt}`))).toEqual(
      new Set(['global * null', `key ${churn} null`]),
    );
    expect(alerts).toHaveLength(2);
    expect(alerts.find(({ scope }) => scope === 'key')).toMatchObject({
      cause: 'hash_churn',
      distinctHashes: 101,
      missRate: 1,
    });
    const calls = (): string[] => posted.filter((text) => text.includes(`for key ${churn}`));
    await waitFor(() => calls().length > 0, { timeoutMs: 20_000, describe: 'the webhook to be called' });
    expect(calls()).toHaveLength(1);
    // The spike of the key and that of all are one call.
    expect(calls()[0]?.split('\n').length).toBeGreaterThanOrEqual(2);

    const told = await inTopic([churn, calm]);
    const ids = new Set(told.map(({ id }) => id));
    expect(told.filter(({ alert }) => alert.state === 'opened')).toHaveLength(1);
    expect(ids.size).toBe(told.length);
    const logged = lines('🚨 ALERT').filter((line) => line.includes('"scope":"key"'));
    expect(logged).toHaveLength(1);
    expect(JSON.parse(logged[0] ?? '{}')).toMatchObject({
      cause: 'hash_churn',
      msg: expect.stringMatching(/^🚨 ALERT: Cache miss spike detected! Miss rate: 100\.0%/),
    });

    const same = await mersal('cache', 'replay', '--from', began);
    expect(same).toMatchObject({ exitCode: 0, json: { equal: true, alertsDiffer: [], minutesDiffer: [] } });
    expect(same.json['alerts']).toContainEqual(
      expect.objectContaining({ scope: 'key', key: churn, closedAt: null, cause: 'hash_churn' }),
    );
    expect(Number(same.json['records'])).toBeGreaterThanOrEqual(151);
    await database.run({
      name: 'test-forget',
      text: "delete from cache_alert where scope = 'key' and key = $1",
      values: [churn],
    });
    expect(await mersal('cache', 'replay', '--from', began)).toMatchObject({
      exitCode: 3,
      json: { equal: false, alertsDiffer: [{ scope: 'key', key: churn, recorded: null }] },
    });
    const history = await mersal('cache', 'history', '--key', churn, '--from', began);
    const items = history.json['items'] as { misses: number }[];
    expect(items.reduce((sum, { misses }) => sum + misses, 0)).toBe(101);
    expect((await mersal('cache', 'report')).exitCode).toBe(3);
  }, 180_000);

  it('are told by the next one where the one that opened them died before it told them', async () => {
    const key = `${marker}-orphan`;
    const alert: TemplateAlert = {
      state: 'opened',
      scope: 'key',
      key,
      openedAt: 1_790_000_000_000,
      at: 1_790_000_000_000,
      missRate: 0.8,
      requests: 50,
      cause: 'new_key',
      distinctHashes: 4,
      message: `Cache miss spike detected! Miss rate: 80.0% for key ${key} <b> & more`,
    };
    await database.run({
      name: 'test-orphan',
      text: 'insert into cache_alert_event (event, webhook_due) values ($1::jsonb, now())',
      values: [JSON.stringify(alert)],
    });
    answers = [429];
    await start('cache-metrics-1');
    // The topic is shared: what others wrote into it may raise alerts of its own.
    const own = (): string[] =>
      posted.flatMap((text) => text.split('\n')).filter((line) => line.includes(key));
    await waitFor(() => own().length > 0, { timeoutMs: 20_000, describe: 'the webhook to be called' });
    expect(own()).toEqual([
      `🚨 Cache miss spike detected! Miss rate: 80.0% for key ${key} &lt;b&gt; &amp; more`,
    ]);
    expect((await inTopic([key])).map((one) => one.alert)).toEqual([alert]);
    expect(lines('🚨 ALERT')).toHaveLength(1);
  });
});
