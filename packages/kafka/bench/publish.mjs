/**
 * Records per second: many callers of the publisher, against the same records by single sends of an idempotent kafkajs producer,
 * one after the other, as they must be to lose none.
 *
 * KAFKA_BROKERS=host:port node packages/kafka/bench/publish.mjs [records]
 * Without KAFKA_BROKERS it starts a broker of its own.
 */
import { createAdmin, createPublisher } from '@mersal/kafka';
import { Kafka, logLevel, Partitioners } from 'kafkajs';

const RECORDS = Number(process.argv[2] ?? 50_000);
const SINGLE = Math.min(RECORDS, 3_000);
const PARTITIONS = 12;
const CALLERS = 2_000;
const value = Buffer.alloc(600, 'm');

const named = process.env['KAFKA_BROKERS']?.split(',');
const own = named === undefined ? await (await import('@mersal/testkit')).ownKafka() : undefined;
const brokers = named ?? own?.brokers ?? [];
const topic = `bench-${Date.now().toString(36)}`;
const quiet = { debug() {}, info() {}, warn: console.error, error: console.error };
const connection = { brokers, clientId: 'bench', logger: quiet };
const admin = createAdmin({ connection });

try {
  await admin.ensureTopics([{ topic, partitions: PARTITIONS, replication: 1, config: {} }]);
  const publisher = await createPublisher({ connection });
  await viaPublisher(publisher, 5_000);
  const wrapped = await viaPublisher(publisher, RECORDS);
  await publisher.close();
  const single = await viaSingleSends(SINGLE);
  const stored = [...(await admin.endOffsets(topic)).values()].reduce((sum, end) => sum + end, 0n);
  const expected = BigInt(5_000 + RECORDS + SINGLE);
  if (stored !== expected) throw new Error(`${stored} records in the log instead of ${expected}`);
  console.log(
    JSON.stringify({ records: RECORDS, callers: CALLERS, publisher: wrapped, singleSends: single }, null, 2),
  );
} finally {
  await admin.deleteTopics([topic]);
  await admin.close();
  await own?.remove();
}

async function viaPublisher(publisher, count) {
  const times = [];
  let next = 0;
  const begun = performance.now();
  const caller = async () => {
    while (next < count) {
      const n = next++;
      const at = performance.now();
      await publisher.publish([
        { topic, partition: n % PARTITIONS, key: `r${n % 100}`, value, headers: { ce_id: `${n}` } },
      ]);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return rate(count, performance.now() - begun, times);
}

async function viaSingleSends(count) {
  const kafka = new Kafka({ brokers, logLevel: logLevel.ERROR });
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const times = [];
  const begun = performance.now();
  for (let n = 0; n < count; n += 1) {
    const at = performance.now();
    await producer.send({
      topic,
      messages: [{ partition: n % PARTITIONS, key: `r${n % 100}`, value, headers: { ce_id: `${n}` } }],
    });
    times.push(performance.now() - at);
  }
  const result = rate(count, performance.now() - begun, times);
  await producer.disconnect();
  return result;
}

function rate(count, elapsedMs, times) {
  times.sort((a, b) => a - b);
  const at = (share) => Number((times[Math.floor(times.length * share)] ?? Number.NaN).toFixed(1));
  return { perSecond: Math.round((count / elapsedMs) * 1_000), p50Ms: at(0.5), p99Ms: at(0.99) };
}
