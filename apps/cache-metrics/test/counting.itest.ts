import { randomBytes } from 'node:crypto';
import type { TemplateEvent } from '@mersal/contracts';
import { applyRoles, type Database, migrate, openDatabase } from '@mersal/ledger';
import { engines, freshDatabase, loginOf, type ServiceProcess, startService, waitFor } from '@mersal/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEventTopic, toRecord } from './event-topic.js';

let topic: Awaited<ReturnType<typeof openEventTopic>>;
let database: Database;
let env: Record<string, string>;
let running: ServiceProcess[];
let marker: string;
let sequence: number;

beforeAll(async () => {
  topic = await openEventTopic();
});
afterAll(() => topic?.close());

beforeEach(async () => {
  const url = await freshDatabase('cache');
  await migrate(url);
  await applyRoles(url);
  database = openDatabase({ url, max: 2, application: 'test', onError: () => {} });
  env = {
    KAFKA_BROKERS: (await engines()).kafka.join(','),
    // With the rights of its role only, and without the key of the credentials.
    DATABASE_URL: await loginOf('mersal_cache_metrics', url),
    LOG_LEVEL: 'info',
  };
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

describe('cache-metrics as a process', () => {
  it('counts each event once, number for number, also those published twice', async () => {
    const service = await start('cache-metrics-1');
    const events = makeEvents(1_000);
    await topic.publish(events.slice(0, 600));
    await topic.publish(events.slice(400, 600));
    await topic.publish(events.slice(600));
    await topic.counted(database, running);
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
    await topic.publish(events.slice(0, 25));
    const withKey = (odd: string): Buffer =>
      Buffer.from(String(first.value).replace(`"key":"${marker}`, `"key":"${odd}${marker}`));
    await topic.publishRecords([
      { ...first, value: Buffer.from(`{"not": "whole`) },
      { ...first, headers: {} },
      { ...first, value: null },
      // What Postgres cannot hold, or could not tell apart.
      { ...first, value: withKey('\\u0000') },
      { ...first, value: withKey('\\ud83d') },
    ]);
    await topic.publish(events.slice(25));
    await topic.counted(database, running);
    expect(await paneSums()).toEqual(tally(events));
    const warnings = service.lines.filter((line) => line.includes('cannot be read'));
    expect(warnings).toHaveLength(5);
    for (const line of warnings)
      expect(JSON.parse(line)).toMatchObject({ topic: topic.topic, offset: expect.stringMatching(/^\d+$/) });
  });

  it('loses and doubles nothing while instances join, are killed and come back', async () => {
    const first = await start('cache-metrics-1');
    const events: TemplateEvent[] = [];
    const more = async (n: number): Promise<void> => {
      const next = makeEvents(n);
      events.push(...next);
      await topic.publish(next);
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
    await topic.counted(database, running);
    expect(await paneSums()).toEqual(tally(events));
    expect(await totalSum()).toBe(events.length);
  });
});
