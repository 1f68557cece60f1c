import { templateEventRecord, topicNames, topicSettings } from '@mersal/contracts';
import { createAdmin, createPublisher } from '@mersal/kafka';
import { migrate, openDatabase } from '@mersal/ledger';
import { freshDatabase, randomName, startService, waitFor } from '@mersal/testkit';
import { type BenchContext, type Part, profiled, type Row } from '../part.js';
import { installPeer, runPeer } from '../run-peer.js';
import { median, spread } from '../spread.js';

const MOST_RECORD_US = 100;
const MOST_MEMORY_KB = 200;
const LEAST_HIT = 0.5;
const LEAST_AGGREGATION = 0.5;
const PARTITIONS = 12;
const PROCESSES = 4;
const CALLERS = 50;
const CREATION_MS = 200;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

interface InProcess {
  readonly recording: number[];
  readonly memory: number[];
  readonly churn: { readonly recording: number[]; readonly memory: number[] };
  readonly bare: number[];
  readonly hit: number[];
}

async function inProcess(context: BenchContext): Promise<Row[]> {
  const { recording, memory, churn, bare, hit } = await runPeer<InProcess>(
    'template-cache',
    [context.quick ? 2 : 7],
    {},
  );
  const ratio = median(bare) / median(hit);
  context.say('  a hit of bentocache, its packages installed the first time');
  await installPeer('bentocache');
  const bento = await runPeer<{ hit: number[] }>('bentocache/hit', [context.quick ? 2 : 7], {});
  return [
    {
      what: 'recording one event of the template cache',
      target: `≤ ${MOST_RECORD_US} µs`,
      measured: `${spread(recording)} µs`,
      met: median(recording) <= MOST_RECORD_US,
    },
    {
      what: '10,000 events of 50 keys that wait for Kafka, in memory',
      target: `≤ ${MOST_MEMORY_KB} KB`,
      measured: `${spread(memory)} KB`,
      met: median(memory) <= MOST_MEMORY_KB,
    },
    {
      what: 'recording one of 10,000 events with a hash each: past 1,000 kinds the oldest become counts',
      target: `≤ ${MOST_RECORD_US} µs`,
      measured: `${spread(churn.recording)} µs, ${spread(churn.memory)} KB in memory`,
      met: median(churn.recording) <= MOST_RECORD_US,
    },
    {
      what: `getCachedContentSid, a hit in memory (lru-cache alone with the same hash: ${spread(bare)} µs)`,
      target: `≥ ${LEAST_HIT} ×`,
      measured: `${spread(hit)} µs`,
      ratio,
      met: ratio >= LEAST_HIT,
    },
    {
      what: `a hit of bentocache's memory layer with the same hash`,
      target: '',
      measured: `${spread(bento.hit)} µs`,
      ratio: median(bento.hit) / median(hit),
      met: null,
    },
  ];
}

async function stampede(context: BenchContext): Promise<Row[]> {
  const database = await freshDatabase('bench', context.engines.postgres);
  await migrate(database);
  const rounds = context.quick ? 1 : 5;
  const took: number[] = [];
  let created = 0;
  let different = 0;
  for (let round = 0; round < rounds; round += 1) {
    const prefix = randomName('stampede');
    const startAt = Date.now() + 4_000;
    const answers = await Promise.all(
      Array.from({ length: PROCESSES }, () =>
        runPeer<{ created: number; tookMs: number; sids: string[] }>(
          'stampede',
          [CALLERS, startAt, prefix, CREATION_MS],
          { REDIS_URL: context.engines.redis, DATABASE_URL: database, LOG_LEVEL: 'silent' },
        ),
      ),
    );
    created = Math.max(
      created,
      answers.reduce((sum, one) => sum + one.created, 0),
    );
    different = Math.max(different, new Set(answers.flatMap(({ sids }) => sids)).size);
    took.push(Math.max(...answers.map(({ tookMs }) => tookMs)));
  }
  return [
    {
      what: `${PROCESSES * CALLERS} callers in ${PROCESSES} processes for one template, made in ${CREATION_MS} ms: creations`,
      target: '1',
      measured: `${created}, all answered after ${spread(took)} ms`,
      met: created === 1 && different === 1,
    },
  ];
}

async function aggregation(context: BenchContext): Promise<Row[]> {
  const events = context.quick ? 20_000 : 200_000;
  const { kafka } = context.engines;
  const connection = { brokers: kafka, clientId: 'bench', logger: silent };
  const topic = topicNames().templateEvents;
  const admin = createAdmin({ connection });
  const publisher = await createPublisher({ connection, deadlineMs: 60_000, maxQueuedRecords: 100_000 });
  try {
    const settings = topicSettings(topicNames(), { partitions: PARTITIONS, replication: 1 });
    await admin.ensureTopics(settings.filter((one) => one.topic.startsWith('template-')));
    context.say(`  publishing ${events} template events`);
    const run = randomName('bench');
    for (let from = 0; from < events; from += 5_000) {
      await publisher.publish(
        Array.from({ length: Math.min(5_000, events - from) }, (_, i) => {
          const n = from + i;
          const key = `${run}-${n % 200}`;
          const producer = `${run}-${n % 4}`;
          const event = {
            kind: n % 10 === 0 ? ('miss' as const) : ('hit' as const),
            key,
            hash: `h1-${'0123456789abcdef'.repeat(4)}`,
            tenant: `r${n % 20}`,
            at: Date.now(),
            producer,
            sequence: n + 1,
            ...(n % 10 === 0 ? {} : { sid: 'HX0123456789abcdef0123456789abcdef', source: 'memory' as const }),
          };
          return templateEventRecord(event, { topic, partitions: PARTITIONS, source: 'bench' });
        }),
      );
    }
    const ends = await admin.endOffsets(topic);
    const rounds = context.quick ? 1 : 3;
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const text = JSON.stringify(Object.fromEntries([...ends].map(([p, end]) => [p, String(end)])));
      const peer = await runPeer<{ perSecond: number }>('decode-only', [kafka.join(','), topic, text], {});
      bare.push(peer.perSecond);
      ours.push(await countAll(context, ends));
    }
    const ratio = median(ours) / median(bare);
    return [
      {
        what: `cache-metrics, events counted a second (a bare consumer that only decodes: ${spread(bare)})`,
        target: `≥ ${LEAST_AGGREGATION} ×`,
        measured: spread(ours),
        ratio,
        met: ratio >= LEAST_AGGREGATION,
      },
    ];
  } finally {
    await publisher.close();
    await admin.close();
  }
}

/** Events a second of a service that begins with nothing, from its first transaction to its last. */
async function countAll(context: BenchContext, ends: ReadonlyMap<number, bigint>): Promise<number> {
  const url = await freshDatabase('bench', context.engines.postgres);
  await migrate(url);
  const database = openDatabase({ url, max: 2, application: 'bench', onError: () => {} });
  const service = await startService({
    app: 'cache-metrics',
    name: 'cache-metrics-1',
    env: { KAFKA_BROKERS: context.engines.kafka.join(','), DATABASE_URL: url, LOG_LEVEL: 'warn' },
    nodeArgs: profiled(context, randomName('cache-metrics')),
    untilReady: false,
  });
  const counted = async (): Promise<number> => {
    const [row] = await database.run({
      name: 'bench-counted',
      text: 'select coalesce(sum(next_offset), 0) as n from cache_offset',
      values: [],
    });
    return Number(row?.['n']);
  };
  try {
    const all = [...ends.values()].reduce((sum, end) => sum + Number(end), 0);
    const first = await waitFor(async () => (await counted()) || undefined, {
      timeoutMs: 60_000,
      intervalMs: 5,
      describe: 'the first events to be counted',
    });
    const from = performance.now();
    await waitFor(async () => (await counted()) >= all, {
      timeoutMs: 300_000,
      intervalMs: 20,
      describe: 'all events to be counted',
    });
    return (all - first) / ((performance.now() - from) / 1_000);
  } finally {
    await service.stop();
    await database.close();
  }
}

export const templateCache: Part = {
  name: 'template-cache',
  text: 'recording, hits, stampedes, and how fast events are counted',
  run: async (context) => [
    ...(await inProcess(context)),
    ...(await stampede(context)),
    ...(await aggregation(context)),
  ],
};
