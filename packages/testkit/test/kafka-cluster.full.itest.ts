import kafkajs, { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownKafkaCluster, randomName, waitFor } from '../src/index.js';

let cluster: Awaited<ReturnType<typeof ownKafkaCluster>>;
beforeAll(async () => {
  cluster = await ownKafkaCluster();
}, 180_000);
afterAll(() => cluster?.remove());

const isr = async (topic: string): Promise<number[]> => {
  const [running] = cluster.nodes.filter((node) => node.running);
  const kafka = new Kafka({ brokers: [`127.0.0.1:${running?.port}`], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return (topics[0]?.partitions[0]?.isr ?? []).toSorted((a, b) => a - b);
  } catch (error) {
    // A broker hears of a new topic a moment later than the one that made it.
    if (error instanceof kafkajs.KafkaJSProtocolError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION')
      return [];
    throw error;
  } finally {
    await admin.disconnect();
  }
};

it('three brokers: a topic is on all of them, a killed controller has a successor, and comes back as a follower', async () => {
  const topic = randomName('topic');
  const admin = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  // kafkajs' own wait gives up where it asks a broker that has not heard of the topic yet.
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic }] });
  await admin.disconnect();
  await expect.poll(() => isr(topic), { timeout: 30_000 }).toEqual([1, 2, 3]);

  const first = await cluster.controller();
  await first.kill();
  const second = await waitFor(async () => {
    const now = await cluster.controller();
    return now.nodeId === first.nodeId ? undefined : now;
  });
  expect(second.nodeId).not.toBe(first.nodeId);
  await waitFor(async () => (await isr(topic)).length === 2);

  await first.start();
  await waitFor(async () => (await isr(topic)).length === 3);
  expect((await cluster.controller()).nodeId).toBe(second.nodeId);
}, 120_000);
