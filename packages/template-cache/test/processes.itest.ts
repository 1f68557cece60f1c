import { execFile, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodeEvent, partitionFor, topicNames, topicSettings } from '@mersal/contracts';
import { createAdmin, createConsumer, type KafkaAdmin } from '@mersal/kafka';
import { engines, ownRedis, randomName, startService, waitFor } from '@mersal/testkit';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TemplateCache, type TemplateCacheOptions } from '../src/index.js';
import { Recorder } from '../src/metrics/recorder.js';
import { identityOf } from '../src/template-identity.js';
import { RedisTier } from '../src/tiers/redis-tier.js';
import { collectingLogger } from './collecting-logger.js';
import { migratedDatabase } from './migrated-database.js';

let database: string;
let redis: string;
let kafka: string;
let prefix: string;
let caches: TemplateCache[];

beforeAll(async () => {
  const shared = await engines();
  redis = shared.redis;
  kafka = shared.kafka.join(',');
});
beforeEach(async () => {
  database = await migratedDatabase('templates');
  prefix = randomName('templates');
  caches = [];
});
afterEach(async () => {
  await Promise.all(caches.map((cache) => cache.close()));
});

/** As another process has it: connections and memory of its own. */
function make(env: Record<string, string> = {}, more: TemplateCacheOptions = {}): TemplateCache {
  const cache = new TemplateCache({
    env: { REDIS_URL: redis, DATABASE_URL: database, ...env },
    redisPrefix: prefix,
    logger: collectingLogger(),
    ...more,
  });
  caches.push(cache);
  return cache;
}

/** A provider that takes its time and gives a new SID to whoever asks. */
function provider(ms = 50) {
  const made: string[] = [];
  return {
    made,
    create: async (): Promise<string> => {
      const sid = `HX00${made.length + 1}`;
      made.push(sid);
      await new Promise((resolve) => {
        setTimeout(resolve, ms);
      });
      return sid;
    },
  };
}

describe('one template for many processes', () => {
  it('is created once, and found in the nearest tier afterwards', async () => {
    const { made, create } = provider();
    const sids = await Promise.all(
      Array.from({ length: 8 }, () => make().getCachedContentSid('welcome', create)),
    );
    expect(new Set(sids).size).toBe(1);
    expect(made).toHaveLength(1);
    const creations = caches.map((cache) => cache.getCacheMetrics().creations);
    expect(creations.reduce((sum, n) => sum + n, 0)).toBe(1);

    const logger = collectingLogger();
    const later = make({}, { logger });
    expect(await later.getCachedContentSid('welcome', create)).toBe(sids[0]);
    await later.getCachedContentSid('welcome', create);
    expect(later.getCacheMetrics()).toMatchObject({ hits: 2, misses: 0 });
  });

  it('survives a Redis that lost everything', async () => {
    const own = await ownRedis();
    try {
      const { made, create } = provider(0);
      const url = { REDIS_URL: own.url };
      const sid = await make(url).getCachedContentSid('menu', create);
      const admin = new Redis(own.url);
      await admin.flushall();
      admin.disconnect();
      const other = make(url);
      expect(await other.getCachedContentSid('menu', create)).toBe(sid);
      expect(made).toHaveLength(1);

      await own.kill();
      const third = make(url);
      expect(await third.getCachedContentSid('menu', create)).toBe(sid);
      await third.getCachedContentSid('other', create);
      expect(made).toHaveLength(2);
    } finally {
      await Promise.all(caches.splice(0).map((cache) => cache.close()));
      await own.remove();
    }
  });

  it('lets the first row count when the lock could not prevent a second creation', async () => {
    const { made, create } = provider(200);
    const logger = collectingLogger();
    const without = { REDIS_URL: '' };
    const caches = [make(without, { logger }), make(without, { logger })];
    const sids = await Promise.all(caches.map((cache) => cache.getCachedContentSid('k', create)));
    expect(made).toHaveLength(2);
    expect(new Set(sids).size).toBe(1);
    expect(logger.lines.filter(([, line]) => line.includes('left over at the provider'))).toHaveLength(1);
  });

  it('goes on when the process that held the lock has died', async () => {
    const holder = new RedisTier({ url: redis, prefix, onError: () => {} });
    const identity = identityOf({ account: 'default', key: 'k', language: undefined, data: undefined });
    try {
      expect(await holder.acquire(identity, 300)).toBe('1');
      expect(await holder.acquire(identity, 300)).toBeUndefined();
      const { made, create } = provider(0);
      expect(await make().getCachedContentSid('k', create)).toBe('HX001');
      expect(made).toHaveLength(1);
    } finally {
      holder.close();
    }
  });

  it('does not let a process that came too late replace what its successor stored', async () => {
    const tier = new RedisTier({ url: redis, prefix, onError: () => {} });
    const identity = identityOf({ account: 'default', key: 'k', language: undefined, data: undefined });
    try {
      const first = await tier.acquire(identity, 20);
      const second = await waitFor(() => tier.acquire(identity, 5_000));
      expect(await tier.putFenced(identity, 'HXsecond', second)).toBe('HXsecond');
      expect(await tier.putFenced(identity, 'HXfirst', String(first))).toBe('HXsecond');
      expect((await tier.get(identity)).sid).toBe('HXsecond');
    } finally {
      tier.close();
    }
  });

  it('creates nothing while the table of templates is away, and says so', async () => {
    const { made, create } = provider(0);
    const cache = make({ DATABASE_URL: 'postgres://nobody:secret-word@127.0.0.1:1/none' });
    await expect(cache.getCachedContentSid('k', create)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(made).toEqual([]);
    const report = await cache.getCacheReport();
    expect(report.database).toMatchObject({ reachable: false, templates: null });
    expect(JSON.stringify(report)).not.toContain('secret-word');
  });

  it('is forgotten everywhere once the provider says that it is gone', async () => {
    const { create } = provider(0);
    const [one, two] = [make(), make()];
    const sid = await one.getCachedContentSid('k', create);
    await two.forgetContentSid('k', sid);
    expect(await two.getCachedContentSid('k', create)).not.toBe(sid);
    expect((await two.getCacheReport()).database).toMatchObject({ reachable: true, templates: 1 });
  });
});

describe('what memory remembers', () => {
  it('is answered while it is stale, and replaced once the look in the background is back', async () => {
    const cache = make({}, { times: { memoryMs: 0, staleMs: 60_000 } });
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    try {
      const { create } = provider(0);
      expect(await cache.getCachedContentSid('k', create)).toBe('HX001');
      await client.query("update template_sid set sid = 'HXother'");
      const admin = new Redis(redis);
      for (const key of await admin.keys(`${prefix}:*:sid`)) await admin.del(key);
      admin.disconnect();
      expect(await cache.getCachedContentSid('k', create)).toBe('HX001');
      await waitFor(async () => (await cache.getCachedContentSid('k', create)) === 'HXother', {
        timeoutMs: 20_000,
        describe: 'the stored SID to be taken over',
      });
      expect(cache.getCacheMetrics()).toMatchObject({ misses: 1, creations: 1 });
    } finally {
      await client.end();
    }
  });

  it('is answered while there is nobody to ask', async () => {
    const own = await ownRedis();
    try {
      const cache = make(
        { REDIS_URL: own.url, DATABASE_URL: '' },
        { times: { memoryMs: 0, staleMs: 60_000 } },
      );
      const { create, made } = provider(0);
      await cache.getCachedContentSid('k', create);
      await own.kill();
      for (let n = 0; n < 5; n += 1) expect(await cache.getCachedContentSid('k', create)).toBe('HX001');
      expect(made).toHaveLength(1);
    } finally {
      await Promise.all(caches.splice(0).map((cache) => cache.close()));
      await own.remove();
    }
  });
});

describe('why a template was missed', () => {
  const reasons = async (
    act: (cache: TemplateCache) => Promise<unknown>,
    env: Record<string, string> = {},
  ) => {
    const seen: string[] = [];
    const cache = make(env);
    const spy = vi.spyOn(Recorder.prototype, 'record');
    try {
      await act(cache);
      for (const [kind, , , , details] of spy.mock.calls)
        if (kind === 'miss') seen.push(details?.reason ?? '');
    } finally {
      spy.mockRestore();
    }
    return seen;
  };

  it('is told apart: not there, removed by another process, a store that is away', async () => {
    const { create } = provider(0);
    expect(await reasons((cache) => cache.getCachedContentSid('a', create))).toEqual(['not_cached']);
    const other = make();
    const sid = await other.getCachedContentSid('a', create);
    await other.forgetContentSid('a', 'HXnever');
    expect(await reasons((cache) => cache.getCachedContentSid('a', create))).toEqual([]);
    await other.forgetContentSid('a', sid);
    expect(await reasons((cache) => cache.getCachedContentSid('a', create))).toEqual(['invalidated']);
    await other.getCachedContentSid('b', create, { accountSid: 'AC9' });
    expect(await other.purgeAccount('AC9')).toBe(1);
    expect(await reasons((cache) => cache.getCachedContentSid('b', create, { accountSid: 'AC9' }))).toEqual([
      'invalidated',
    ]);
    const nowhere = 'redis://127.0.0.1:1';
    expect(
      await reasons((cache) => cache.getCachedContentSid('c', create), {
        REDIS_URL: nowhere,
        DATABASE_URL: '',
      }),
    ).toEqual(['redis_away']);
    expect(
      await reasons((cache) => cache.getCachedContentSid('d', create).catch(() => undefined), {
        DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
      }),
    ).toEqual(['database_away']);
  });
});

describe('a stampede', () => {
  it('of 200 callers over 4 processes creates once', async () => {
    const program = fileURLToPath(new URL('fakes/stampede.mjs', import.meta.url));
    const env = {
      PATH: process.env['PATH'] ?? '',
      REDIS_URL: redis,
      DATABASE_URL: database,
      STAMPEDE_PREFIX: prefix,
      STAMPEDE_PROCESSES: '4',
      LOG_LEVEL: 'silent',
    };
    const answers = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const { stdout } = await promisify(execFile)(process.execPath, [program, '50'], { env });
        return JSON.parse(stdout) as { created: number; sids: string[]; misses: number };
      }),
    );
    expect(answers.reduce((sum, { created }) => sum + created, 0)).toBe(1);
    const sids = answers.flatMap((one) => one.sids);
    expect(sids).toHaveLength(200);
    expect(new Set(sids).size).toBe(1);
    // They all met: nobody came so late that the SID was there.
    expect(answers.map(({ misses }) => misses)).toEqual([50, 50, 50, 50]);
  });
});

const PARTITIONS = 12;
const topic = topicNames().templateEvents;
const connectionOf = () => ({ brokers: kafka.split(','), clientId: 'test', logger: collectingLogger() });

async function withTopic<T>(work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = createAdmin({ connection: connectionOf() });
  try {
    const settings = topicSettings(topicNames(), { partitions: PARTITIONS, replication: 1 });
    await admin.ensureTopics(settings.filter((one) => one.topic.startsWith('template-')));
    return await work(admin);
  } finally {
    await admin.close();
  }
}

/** The hashes of a key's events that the topic has from this offset of its partition on. */
async function hashesIn(key: string, first: bigint): Promise<Set<string>> {
  const partition = partitionFor(key, PARTITIONS);
  const end = await withTopic(async (admin) => (await admin.endOffsets(topic)).get(partition) ?? 0n);
  const found = new Set<string>();
  let next = first;
  const consumer = createConsumer({
    connection: connectionOf(),
    groupId: randomName('reader'),
    topics: [topic],
    onAssigned: async () => [{ topic, partition, offset: first }],
    onRevoked: () => {},
    onBatch: async (batch) => {
      if (batch.partition !== partition) return;
      for (const record of batch.records) {
        const { data, type } = decodeEvent(record.headers, record.value);
        if (type === 'mersal.template.event.v1' && data.key === key) found.add(data.hash);
      }
      next = batch.lastOffset + 1n;
    },
    onFatal: () => {},
  });
  await consumer.start();
  try {
    await waitFor(() => next >= end, { describe: 'the partition to be read' });
  } finally {
    await consumer.close();
  }
  return found;
}

describe('events of a process that is killed', () => {
  it('are in Kafka but for those of its last second, as the README says', async () => {
    const BOUND_MS = 1_000;
    const key = randomName('recorded');
    const first = await withTopic(
      async (admin) => (await admin.endOffsets(topic)).get(partitionFor(key, PARTITIONS)) ?? 0n,
    );
    const program = fileURLToPath(new URL('fakes/recording.mjs', import.meta.url));
    const child = spawn(process.execPath, [program], {
      env: {
        PATH: process.env['PATH'] ?? '',
        KAFKA_BROKERS: kafka,
        RECORDING_KEY: key,
        LOG_LEVEL: 'silent',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const recorded: { readonly n: number; readonly at: number }[] = [];
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [n = 0, at = 0] = line.split(' ').map(Number);
        recorded.push({ n, at });
      }
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    let killedAt: number;
    try {
      await waitFor(() => (recorded.at(-1)?.at ?? 0) - (recorded[0]?.at ?? 0) >= 4_000, {
        describe: 'some seconds of events',
      });
    } finally {
      killedAt = Date.now();
      child.kill('SIGKILL');
      await ended;
    }
    const due = recorded.filter(({ at }) => at < killedAt - BOUND_MS);
    expect(due.length).toBeGreaterThan(100);
    expect(due.length).toBeLessThan(recorded.length);
    const found = await hashesIn(key, first);
    expect(due.filter(({ n }) => !found.has(`h${n}`))).toEqual([]);
  });
});

describe('events', () => {
  it('reach the counts of all instances, number for number', async () => {
    await withTopic(async () => {});
    const key = randomName('welcome');
    const service = await startService({
      app: 'cache-metrics',
      name: 'cache-metrics-1',
      env: { KAFKA_BROKERS: kafka, DATABASE_URL: database },
    });
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    try {
      const instances = [make({ KAFKA_BROKERS: kafka }), make({ KAFKA_BROKERS: kafka })];
      const { create } = provider(0);
      // More than one instance keeps in detail: trimmed events count all the same.
      for (const [cache, hits] of [
        [instances[0], 12_000],
        [instances[1], 700],
      ] as const) {
        if (!cache) throw new Error('no instance');
        for (let n = 0; n < hits; n += 1) cache.recordCacheHit(key, 'h', 'HX1', { source: 'memory' });
        for (let n = 0; n < 30; n += 1) cache.recordCacheMiss(key, 'h');
        await cache.getCachedContentSid(key, create);
      }
      await Promise.all(instances.map((cache) => cache.flush()));
      const local = instances.map((cache) => cache.getCacheMetrics());
      const sum = (of: 'hits' | 'misses' | 'creations'): number =>
        local.reduce((all, one) => all + one[of], 0);
      const expected = { hits: sum('hits'), misses: sum('misses'), creations: sum('creations') };
      expect(expected).toEqual({ hits: 12_701, misses: 61, creations: 1 });
      const counted = await waitFor(
        async () => {
          const { rows } = await client.query<typeof expected>(
            `select hits::int, misses::int, creations::int from cache_total
              where key = $1 and hits + misses + creations >= 12763`,
            [key],
          );
          return rows[0];
        },
        { timeoutMs: 20_000, describe: 'the events to be counted' },
      );
      expect(counted).toEqual(expected);
      const { events } = (await instances[0]?.getCacheReport())?.runtime ?? {};
      expect(events).toMatchObject({ buffered: 0, published: 12_032 });
      expect(events?.trimmed).toBeGreaterThanOrEqual(2_030);
    } finally {
      await client.end();
      await service.stop();
    }
  });

  it('wait while Kafka is away: recording goes on, and flush says that they wait', async () => {
    const silent: Server = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    await new Promise((resolve) => silent.close(resolve));
    const cache = make({ KAFKA_BROKERS: `127.0.0.1:${port}`, REDIS_URL: '', DATABASE_URL: '' });
    for (let n = 0; n < 12_000; n += 1) cache.recordCacheHit('k', 'h');
    await expect(cache.flush(500)).rejects.toMatchObject({ code: 'flush_failed' });
    const { runtime } = await cache.getCacheReport();
    expect(runtime).toMatchObject({ hits: 12_000, events: { buffered: 10_000, trimmed: 2_000, dropped: 0 } });
    caches.splice(0);
    await expect(cache.close(100)).rejects.toMatchObject({ code: 'flush_failed' });
  });
});
