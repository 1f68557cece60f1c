import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { afterAll, expect, test } from 'vitest';

import { engines, freshDatabase, ownRedis, randomName, waitFor } from '../src/index.js';

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('Kafka keeps what acks=all took', async () => {
  const { kafka: brokers } = await engines();
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const topic = randomName('topic');
  const admin = kafka.admin();
  const producer = kafka.producer();
  await admin.connect();
  await producer.connect();
  try {
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2 }] });
    await producer.send({ topic, acks: -1, messages: [{ key: 'k', value: 'v', partition: 1 }] });
    const offsets = await admin.fetchTopicOffsets(topic);
    expect(offsets.find(({ partition }) => partition === 1)?.high).toBe('1');
  } finally {
    await producer.disconnect();
    await admin.disconnect();
  }
});

test('Postgres writes to disk before it says so, and a fresh database is empty', async () => {
  const url = await freshDatabase();
  expect(await query(url, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
  expect(await query(url, 'show fsync')).toEqual([{ fsync: 'on' }]);
  expect(await query(url, "select tablename from pg_tables where schemaname = 'public'")).toEqual([]);
  expect(await freshDatabase()).not.toBe(url);
});

const redises: { remove(): Promise<void> }[] = [];
afterAll(async () => {
  for (const redis of redises) await redis.remove();
});

test('an own Redis survives its death with its data and its port, and stands still when frozen', async () => {
  const own = await ownRedis();
  redises.push(own);
  const client = new Redis(own.url, { maxRetriesPerRequest: null, commandTimeout: 5_000 });
  client.on('error', () => {});
  try {
    await client.set('kept', '1');
    const before = own.pid;
    await own.restart();
    expect(own.pid).not.toBe(before);
    expect(await waitFor(() => client.get('kept'))).toBe('1');

    own.freeze();
    let answered = false;
    const ping = client.ping().then(() => (answered = true));
    const probe = new Redis(own.url, {
      commandTimeout: 300,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
    });
    probe.on('error', () => {});
    await expect(probe.ping()).rejects.toThrow();
    probe.disconnect();
    expect(answered).toBe(false);
    own.thaw();
    await ping;
    expect(answered).toBe(true);

    await own.kill();
    expect(own.running).toBe(false);
    expect(own.pid).toBeUndefined();
  } finally {
    client.disconnect();
  }
});
