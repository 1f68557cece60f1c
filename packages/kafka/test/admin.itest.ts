import { createAdmin, createPublisher, type KafkaAdmin } from '@mersal/kafka';
import { engines, randomName, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connection, createTopic, record } from './harness.js';

let brokers: readonly string[];
let admin: KafkaAdmin;

beforeAll(async () => {
  brokers = (await engines()).kafka;
  admin = createAdmin({ connection: connection(brokers) });
});

afterAll(() => admin.close());

describe('ensureTopics', () => {
  it('creates what is missing, once, also when two do it at a time', async () => {
    const settings = [1, 2, 3].map((partitions) => ({
      topic: randomName('ensure'),
      partitions,
      replication: 1,
      config: { 'retention.ms': '604800000', 'cleanup.policy': 'delete' },
    }));
    const other = createAdmin({ connection: connection(brokers) });
    const results = await Promise.all([admin.ensureTopics(settings), other.ensureTopics(settings)]);
    await other.close();
    expect(results.flatMap(({ created }) => created).sort()).toEqual(
      settings.map(({ topic }) => topic).sort(),
    );
    expect(results.flatMap(({ drifted }) => drifted)).toEqual([]);
    expect(await admin.ensureTopics(settings)).toEqual({
      created: [],
      existing: settings.map(({ topic }) => topic),
      drifted: [],
    });
    expect(await Promise.all(settings.map(({ topic }) => admin.partitionCount(topic)))).toEqual([1, 2, 3]);
  });

  it('tells what is not as wanted, and leaves it', async () => {
    const topic = await createTopic(brokers, 2, { 'retention.ms': '1000000' });
    const result = await admin.ensureTopics([
      {
        topic,
        partitions: 4,
        replication: 1,
        config: { 'retention.ms': '2000000', 'cleanup.policy': 'delete' },
      },
    ]);
    expect(result).toEqual({
      created: [],
      existing: [topic],
      drifted: [
        { topic, setting: 'partitions', want: '4', have: '2' },
        { topic, setting: 'retention.ms', want: '2000000', have: '1000000' },
      ],
    });
    const [described] = await admin.describeTopics([topic, randomName('missing')]);
    expect(described).toMatchObject({
      topic,
      partitions: 2,
      replication: 1,
      config: { 'retention.ms': '1000000' },
    });
  });
});

describe('offsets', () => {
  it('finds the first record at or after a time, and the end when there is none', async () => {
    const topic = await createTopic(brokers, 2, { 'message.timestamp.type': 'LogAppendTime' });
    const publisher = await createPublisher({ connection: connection(brokers), lingerMs: 0 });
    await publisher.publish([record(topic, 0, 'early')]);
    const between = Date.now() + 5;
    await waitFor(() => Date.now() > between + 5);
    await publisher.publish([record(topic, 0, 'late')]);
    await publisher.close();
    expect(await admin.offsetsForTimestamp(topic, between)).toEqual(
      new Map([
        [0, 1n],
        [1, 0n],
      ]),
    );
    expect((await admin.offsetsForTimestamp(topic, Date.now() + 60_000)).get(0)).toBe(2n);
    expect(await admin.endOffsets(topic)).toEqual(
      new Map([
        [0, 2n],
        [1, 0n],
      ]),
    );
  });

  it('counts the lag of a group that committed nothing from the beginning that the log still has', async () => {
    const topic = await createTopic(brokers, 1);
    const publisher = await createPublisher({ connection: connection(brokers), lingerMs: 0 });
    await publisher.publish(Array.from({ length: 9 }, (_, n) => record(topic, 0, String(n))));
    await publisher.close();
    await admin.deleteRecords(topic, new Map([[0, 4n]]));
    expect(await admin.groupLag(randomName('group'), [topic])).toEqual([
      { topic, partition: 0, committed: null, end: 9n, lag: 5n },
    ]);
  });

  it('rejects for a topic that does not exist', async () => {
    const impatient = createAdmin({ connection: connection(brokers), patienceMs: 0 });
    await expect(impatient.partitionCount(randomName('missing'))).rejects.toThrow(/topic-partition/);
    await impatient.close();
  });

  it('deletes topics', async () => {
    const topic = await createTopic(brokers, 1);
    await admin.deleteTopics([topic]);
    await waitFor(async () => (await admin.describeTopics([topic])).length === 0);
  });
});
