import { randomBytes } from 'node:crypto';
import {
  encodeEvent,
  encodeHeaders,
  partitionFor,
  type TemplateEvent,
  topicNames,
  topicSettings,
} from '@mersal/contracts';
import { createAdmin, createPublisher, type KafkaAdmin, type OutRecord, type Publisher } from '@mersal/kafka';
import { type Database, migrate, openDatabase } from '@mersal/ledger';
import { engines, freshDatabase, type ServiceProcess, startService, waitFor } from '@mersal/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const PARTITIONS = 12;
const topic = topicNames().templateEvents;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let admin: KafkaAdmin;
let publisher: Publisher;
let database: Database;
let env: Record<string, string>;
let running: ServiceProcess[];
let marker: string;
let sequence: number;

beforeAll(async () => {
  const connection = { brokers: (await engines()).kafka, clientId: 'cache-metrics-test', logger: silent };
  admin = createAdmin({ connection });
  publisher = await createPublisher({ connection });
  const settings = topicSettings(topicNames(), { partitions: PARTITIONS, replication: 1 });
  await admin.ensureTopics(settings.filter((one) => one.topic.startsWith('template-')));
});
afterAll(async () => {
  await publisher.close();
  await admin.close();
});

beforeEach(async () => {
  const url = await freshDatabase('cache');
  await migrate(url);
  database = openDatabase({ url, max: 2, application: 'test', onError: () => {} });
  env = { KAFKA_BROKERS: (await engines()).kafka.join(','), DATABASE_URL: url, LOG_LEVEL: 'info' };
  running = [];
  marker = randomBytes(4).toString('hex');
  sequence = 0;
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.stop()));
  await database.close();
});

async function start(name: string): Promise<ServiceProcess> {
  const service = await startService({ app: 'cache-metrics', name, env });
  running.push(service);
  return service;
}

/** Events of this test only: the topic is shared with others. */
function makeEvents(n: number): TemplateEvent[] {
  const kinds = ['hit', 'hit', 'hit', 'miss', 'creation'] as const;
  return Array.from({ length: n }, () => {
    sequence += 1;
    return {
      kind: kinds[sequence % kinds.length] ?? 'hit',
      key: `${marker}-key-${sequence % 17}`,
      hash: 'a1b2',
      tenant: `r${sequence % 3}`,
      at: Date.now(),
      producer: `p${sequence % 4}-${marker}`,
      sequence,
    };
  });
}

const toRecord = (event: TemplateEvent): OutRecord => ({
  topic,
  partition: partitionFor(event.key, PARTITIONS),
  key: event.key,
  value: encodeEvent('mersal.template.event.v1', event),
  headers: encodeHeaders({
    id: `${event.producer}/${event.sequence}`,
    type: 'mersal.template.event.v1',
    source: 'test',
    time: event.at,
  }),
});

const publish = (events: readonly TemplateEvent[]): Promise<void> => publisher.publish(events.map(toRecord));

type Counts = Record<string, [hits: number, misses: number, creations: number]>;

function tally(events: readonly TemplateEvent[]): Counts {
  const counts: Counts = {};
  for (const { key, tenant, kind } of events) {
    const count = (counts[`${key} ${tenant}`] ??= [0, 0, 0]);
    count[kind === 'hit' ? 0 : kind === 'miss' ? 1 : 2] += 1;
  }
  return counts;
}

async function paneSums(): Promise<Counts> {
  const rows = await database.run({
    name: 'test-pane-sums',
    text: `
      select key || ' ' || tenant as id, sum(hits)::int as h, sum(misses)::int as m, sum(creations)::int as c
        from cache_pane where key like $1 group by 1`,
    values: [`${marker}-%`],
  });
  return Object.fromEntries(
    rows.map((row) => [row['id'] as string, [row['h'] as number, row['m'] as number, row['c'] as number]]),
  );
}

async function totalSum(): Promise<number> {
  const [row] = await database.run({
    name: 'test-total-sum',
    text: 'select coalesce(sum(hits + misses + creations), 0)::int as n from cache_total where key like $1',
    values: [`${marker}-%`],
  });
  return row?.['n'] as number;
}

/** Every record of the topic, whoever wrote it, is behind the ledger's offsets. */
async function allCounted(): Promise<void> {
  const ends = await admin.endOffsets(topic);
  await waitFor(
    async () => {
      const rows = await database.run({
        name: 'test-offsets',
        text: 'select partition, next_offset from cache_offset',
        values: [],
      });
      const at = new Map(rows.map((row) => [row['partition'], BigInt(row['next_offset'] as string)]));
      return [...ends].every(([partition, end]) => (at.get(partition) ?? 0n) >= end);
    },
    {
      timeoutMs: 45_000,
      describe: () => `all to be counted; ${running.map((s) => s.lines.slice(-5).join('\n')).join('\n')}`,
    },
  );
}

describe('cache-metrics as a process', () => {
  it('counts each event once, number for number, also those published twice', async () => {
    const service = await start('cache-metrics-1');
    const events = makeEvents(1_000);
    await publish(events.slice(0, 600));
    await publish(events.slice(400, 600));
    await publish(events.slice(600));
    await allCounted();
    expect(await paneSums()).toEqual(tally(events));
    expect(await totalSum()).toBe(events.length);

    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).toMatch(/mersal_cache_events(_total)?\{[^}]*kind="repeated"[^}]*\} 200\b/);
    expect(await service.stop()).toBe(0);
  });

  it('leaves out what it cannot read, says where that stands, and goes on', async () => {
    const service = await start('cache-metrics-1');
    const events = makeEvents(50);
    const [first] = events.map(toRecord);
    if (!first) throw new Error('no record');
    await publish(events.slice(0, 25));
    await publisher.publish([
      { ...first, value: Buffer.from(`{"not": "whole`) },
      { ...first, headers: {} },
      { ...first, value: null },
    ]);
    await publish(events.slice(25));
    await allCounted();
    expect(await paneSums()).toEqual(tally(events));
    const warnings = service.lines.filter((line) => line.includes('cannot be read'));
    expect(warnings).toHaveLength(3);
    for (const line of warnings)
      expect(JSON.parse(line)).toMatchObject({ topic, offset: expect.stringMatching(/^\d+$/) });
  });

  it('loses and doubles nothing while instances join, are killed and come back', async () => {
    const first = await start('cache-metrics-1');
    const events: TemplateEvent[] = [];
    const more = async (n: number): Promise<void> => {
      const next = makeEvents(n);
      events.push(...next);
      await publish(next);
    };
    await more(800);
    await waitFor(async () => (await totalSum()) > 0, { timeoutMs: 20_000, describe: 'the first counts' });
    const joining = start('cache-metrics-2');
    for (let n = 0; n < 10; n += 1) await more(100);
    await joining;
    await more(500);
    first.signal('SIGKILL');
    for (let n = 0; n < 10; n += 1) await more(100);
    await start('cache-metrics-3');
    await more(500);
    await allCounted();
    expect(await paneSums()).toEqual(tally(events));
    expect(await totalSum()).toBe(events.length);
  });
});
