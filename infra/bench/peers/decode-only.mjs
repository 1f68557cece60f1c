// A bare kafkajs consumer that reads a topic and decodes its JSON, nothing else: events a second from its first batch to its last.
// node infra/bench/peers/decode-only.mjs <brokers> <topic> <ends as JSON: {partition: offset}>
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

// A dependency of the package that wraps it.
const require = createRequire(new URL('../../../packages/kafka/package.json', import.meta.url));
const { Kafka, logLevel } = require('kafkajs');

const [brokers, topic, endsText] = process.argv.slice(2);
const ends = new Map(
  Object.entries(JSON.parse(endsText)).map(([partition, end]) => [Number(partition), BigInt(end)]),
);
const left = new Set([...ends].filter(([, end]) => end > 0n).map(([partition]) => partition));
const kafka = new Kafka({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: `bench-${randomUUID()}`, maxWaitTimeInMs: 100 });
let from;
let cpu;
let events = 0;
let kinds = 0;
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await new Promise((resolve) => {
  void consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      from ??= performance.now();
      cpu ??= process.cpuUsage();
      for (const { value } of batch.messages) {
        if (JSON.parse(value.toString()).kind === 'hit') kinds += 1;
        events += 1;
      }
      if (BigInt(batch.lastOffset()) + 1n >= (ends.get(batch.partition) ?? 0n)) left.delete(batch.partition);
      if (left.size === 0) resolve();
    },
  });
});
const seconds = (performance.now() - from) / 1_000;
const { user, system } = process.cpuUsage(cpu);
await consumer.disconnect();
process.stdout.write(
  `${JSON.stringify({ events, kinds, perSecond: events / seconds, usPerEvent: (user + system) / events })}\n`,
);
