import {
  partitionFor,
  type TemplateEvent,
  templateEventRecord,
  topicNames,
  topicSettings,
} from '@mersal/contracts';
import { createAdmin, createPublisher } from '@mersal/kafka';
import { type Database, migrate, openDatabase } from '@mersal/ledger';
import { freshDatabase, ownKafka } from '@mersal/testkit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { mersal } from './mersal-process.js';

const PARTITIONS = 12;
const topic = topicNames().templateEvents;
const MINUTE_MS = 60_000;

// The topic is one for all queues, and this test shortens its log.
let kafka: Awaited<ReturnType<typeof ownKafka>>;
let database: Database;
let env: Record<string, string>;

beforeAll(async () => {
  kafka = await ownKafka();
});
afterAll(() => kafka?.stop());

beforeEach(async () => {
  const url = await freshDatabase('replay');
  await migrate(url);
  database = openDatabase({ url, max: 2, application: 'cli-test', onError: () => undefined });
  env = { DATABASE_URL: url, KAFKA_BROKERS: kafka.brokers.join(',') };
  return () => database.close();
});

const iso = (ms: number): string => new Date(ms).toISOString();
const judgedTo = (ms: number) =>
  database.run({
    name: 'test-judged',
    text: 'update cache_watch set judged_to = $1::timestamptz',
    values: [iso(ms)],
  });
const replay = (from: number, ...more: string[]) =>
  mersal(['cache', 'replay', '--from', iso(from), ...more], { env });

it('mersal cache replay says that nothing was judged yet, and that a range has no window', async () => {
  const now = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const nothing = await replay(now - MINUTE_MS, '--json');
  expect(nothing).toMatchObject({ code: 1, out: '' });
  expect(JSON.parse(nothing.err)).toMatchObject({ error: { code: 'nothing_judged' } });

  await judgedTo(now - 5 * MINUTE_MS);
  for (const range of [
    [now - MINUTE_MS],
    [now - 30 * MINUTE_MS, '--to', iso(now - 40 * MINUTE_MS)],
    [now - 30 * MINUTE_MS, '--to', iso(now - 30 * MINUTE_MS)],
  ] as const) {
    const [from, ...more] = range;
    const empty = await replay(from, ...more, '--json');
    expect(empty).toMatchObject({ code: 2, out: '' });
    expect(JSON.parse(empty.err)).toMatchObject({ error: { code: 'range_empty' } });
  }
});

it('mersal cache replay names the partitions whose log begins later than the range', async () => {
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const connection = { brokers: kafka.brokers, clientId: 'cli-test', logger };
  const admin = createAdmin({ connection });
  const publisher = await createPublisher({ connection });
  try {
    const settings = topicSettings(topicNames(), { partitions: PARTITIONS, replication: 1 });
    await admin.ensureTopics(settings.filter((one) => one.topic === topic));
    const partition = partitionFor('menu', PARTITIONS);
    const now = Date.now();
    await publisher.publish(
      [1, 2, 3].map((sequence) => {
        const event: TemplateEvent = {
          kind: 'hit',
          key: 'menu',
          tenant: 'r1',
          hash: 'h',
          at: now,
          producer: 'p',
          sequence,
        };
        return templateEventRecord(event, { topic, partitions: PARTITIONS, source: 'test' });
      }),
    );
    await judgedTo(now + 5 * MINUTE_MS);
    const from = now - 10 * MINUTE_MS;
    const whole = await replay(from, '--json');
    expect(whole.json()).toMatchObject({ records: 3, cut: [], minutes: 1 });

    await admin.deleteRecords(topic, new Map([[partition, 2n]]));
    const cut = await replay(from, '--json');
    expect(cut.json()).toMatchObject({ records: 1, cut: [partition], equal: false });
    expect(cut.code).toBe(3);
    expect((await replay(from)).out).toContain('The log begins later than the range');
  } finally {
    await publisher.close();
    await admin.close();
  }
}, 90_000);
