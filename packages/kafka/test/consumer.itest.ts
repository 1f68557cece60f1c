import {
  type ConsumerOptions,
  createAdmin,
  createConsumer,
  createPublisher,
  type PartitionBatch,
  type PartitionConsumer,
} from '@mersal/kafka';
import { engines, ownKafka, randomName, waitFor } from '@mersal/testkit';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { connection, createTopic, readLog, record, recordingLogger } from './harness.js';

const open: PartitionConsumer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((consumer) => consumer.close()));
});

type Rest = Partial<ConsumerOptions> & Pick<ConsumerOptions, 'connection' | 'topics'>;

function member(options: Rest): PartitionConsumer {
  const consumer = createConsumer({
    groupId: randomName('group'),
    maxWaitMs: 50,
    handBackAfterMs: 50,
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 500,
    retry: { minMs: 20, maxMs: 200 },
    onAssigned: async () => [],
    onRevoked: () => {},
    onBatch: async () => {},
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });
  open.push(consumer);
  return consumer;
}

async function produce(
  brokers: readonly string[],
  topic: string,
  partition: number,
  values: readonly string[],
) {
  const publisher = await createPublisher({ connection: connection(brokers), lingerMs: 0 });
  await publisher.publish(
    values.map((value) => record(topic, partition, value, { traceparent: '00-ab-cd-01' })),
  );
  await publisher.close();
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => String(from + n));
}

function texts(batch: PartitionBatch): string[] {
  return batch.records.map(({ value }) => String(value));
}

describe('a consumer', () => {
  it('delivers records with their headers, key, offset and append time', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1, { 'message.timestamp.type': 'LogAppendTime' });
    const before = Date.now();
    await produce(kafka, topic, 0, ['hello']);
    const batches: PartitionBatch[] = [];
    await member({
      connection: connection(kafka),
      topics: [topic],
      onBatch: async (batch) => {
        batches.push(batch);
      },
    }).start();
    const batch = await waitFor(() => batches[0]);
    expect(batch).toMatchObject({ topic, partition: 0, firstOffset: 0n, lastOffset: 0n, highWatermark: 1n });
    const [first] = batch.records;
    expect(first).toMatchObject({ offset: 0n, key: Buffer.from('k0'), value: Buffer.from('hello') });
    expect(first?.headers['traceparent']).toEqual(Buffer.from('00-ab-cd-01'));
    expect(first?.timestamp).toBeGreaterThanOrEqual(before - 1_000);
    expect(first?.timestamp).toBeLessThanOrEqual(Date.now() + 1_000);
  });

  it('begins where its owner says, and delivers nothing before the owner took the partition', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    await produce(kafka, topic, 0, numbers(0, 50));
    const groupId = randomName('group');
    const admin = createAdmin({ connection: connection(kafka) });
    const seen: string[] = [];
    let take: (() => void) | undefined;
    const consumer = member({
      connection: connection(kafka),
      groupId,
      topics: [topic],
      onAssigned: async () => {
        await new Promise<void>((resolve) => {
          take = resolve;
        });
        return [{ topic, partition: 0, offset: 20n }];
      },
      onBatch: async (batch) => {
        seen.push(...texts(batch));
        await consumer.commit([{ topic, partition: 0, offset: batch.lastOffset + 1n }]);
      },
    });
    await consumer.start();
    const release = await waitFor(() => take);
    // Another reader has had the time to read it all.
    expect((await readLog(kafka, topic)).get(0)).toHaveLength(50);
    expect(consumer.positions()).toEqual([{ topic, partition: 0, position: null, lag: null }]);
    expect(seen).toEqual([]);
    release();
    await waitFor(() => seen.length === 30);
    expect(seen).toEqual(numbers(20, 50));
    await waitFor(async () => (await admin.groupLag(groupId, [topic]))[0]?.lag === 0n);
    await admin.close();
  });

  it('tries to take a partition again when its owner could not', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    await produce(kafka, topic, 0, ['a']);
    const seen: string[] = [];
    let tries = 0;
    const troubles: string[] = [];
    await member({
      connection: connection(kafka),
      topics: [topic],
      onAssigned: async () => {
        tries += 1;
        if (tries < 3) throw new Error('the ledger is away');
        return [];
      },
      onBatch: async (batch) => {
        seen.push(...texts(batch));
      },
      onError: (_error, { during }) => troubles.push(during),
    }).start();
    await waitFor(() => seen.length === 1);
    expect(troubles).toEqual(['assign', 'assign']);
  });

  it('after a seek delivers exactly from there on, also when the batch under way was of elsewhere', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    await produce(kafka, topic, 0, numbers(0, 100));
    const seen: [string, boolean][] = [];
    let sought = false;
    const consumer = member({
      connection: connection(kafka),
      topics: [topic],
      onBatch: async (batch) => {
        if (!sought) {
          sought = true;
          consumer.seek(topic, 0, 40n);
          expect(batch.signal.aborted).toBe(true);
          expect(batch.isOwned()).toBe(false);
          return;
        }
        seen.push(...texts(batch).map((text): [string, boolean] => [text, batch.isOwned()]));
      },
    });
    await consumer.start();
    await waitFor(() => seen.length >= 60);
    expect(seen.map(([text]) => text)).toEqual(numbers(40, 100));
    expect(seen.every(([, owned]) => owned)).toBe(true);
  });

  it('goes over offsets that hold no record: aborted transactions and control records', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    const raw = new Kafka({ brokers: kafka, logLevel: logLevel.NOTHING });
    const producer = raw.producer({
      transactionalId: randomName('tx'),
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    const send = async (value: string, commit: boolean): Promise<void> => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value, partition: 0 }] });
      await (commit ? transaction.commit() : transaction.abort());
    };
    await send('one', true);
    for (let n = 0; n < 5; n += 1) await send('aborted', false);
    await send('two', true);
    const seen: string[] = [];
    const logger = recordingLogger();
    const consumer = member({
      connection: connection(kafka, logger),
      topics: [topic],
      // So small that the aborted ones come in fetches of their own.
      maxBytesPerPartition: 100,
      onBatch: async (batch) => {
        seen.push(...texts(batch));
      },
    });
    await consumer.start();
    await waitFor(() => seen.length === 2, { describe: () => seen.join() });
    await send('aborted', false);
    await send('three', true);
    await waitFor(() => seen.length === 3, { describe: () => seen.join() });
    await producer.disconnect();
    expect(seen).toEqual(['one', 'two', 'three']);
    expect(logger.lines.filter(({ message }) => message.includes('elsewhere'))).toEqual([]);
  });
});

describe('trap 2: errors out of a handler', () => {
  it.each([TypeError, RangeError, Error])(
    '%o: the batch comes again and the consumer lives',
    async (Kind) => {
      const { kafka } = await engines();
      const topic = await createTopic(kafka, 2);
      await produce(kafka, topic, 0, numbers(0, 10));
      await produce(kafka, topic, 1, numbers(100, 110));
      const seen: string[] = [];
      let failures = 0;
      const fatal: Error[] = [];
      const consumer = member({
        connection: connection(kafka),
        topics: [topic],
        onBatch: async (batch) => {
          if (batch.partition === 0 && failures < 3) {
            failures += 1;
            throw new Kind('a fault of the handler');
          }
          seen.push(...texts(batch));
        },
        onFatal: (error) => fatal.push(error),
      });
      await consumer.start();
      await waitFor(() => seen.length >= 20);
      expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual([
        ...numbers(0, 10),
        ...numbers(100, 110),
      ]);
      expect(failures).toBe(3);
      expect(fatal).toEqual([]);
      expect(consumer.healthy()).toEqual({ ok: true });
    },
  );
});

describe('trap 3: offsets', () => {
  it('loses nothing on a graceful stop in the middle of a batch', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    await produce(kafka, topic, 0, numbers(0, 100));
    const groupId = randomName('group');
    const done: string[] = [];
    const interrupted = member({
      connection: connection(kafka),
      groupId,
      topics: [topic],
      onBatch: async (batch) => {
        // As a handler does that is asked to stop: it commits what it did, and returns without the rest.
        done.push(...texts(batch).slice(0, 10));
        await interrupted.commit([{ topic, partition: 0, offset: 10n }]);
        interrupted.pause([{ topic, partition: 0 }]);
      },
    });
    await interrupted.start();
    await waitFor(() => done.length === 10);
    await interrupted.close();
    await member({
      connection: connection(kafka),
      groupId,
      topics: [topic],
      onBatch: async (batch) => {
        done.push(...texts(batch));
      },
    }).start();
    await waitFor(() => done.length >= 100);
    expect(done).toEqual(numbers(0, 100));
  });

  it('reads from the beginning, not the end, when the offset due is gone', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    await produce(kafka, topic, 0, numbers(0, 300));
    const admin = createAdmin({ connection: connection(kafka) });
    await admin.deleteRecords(topic, new Map([[0, 97n]]));
    const seen: string[] = [];
    const logger = recordingLogger();
    await member({
      connection: connection(kafka, logger),
      topics: [topic],
      onAssigned: async () => [{ topic, partition: 0, offset: 50n }],
      onBatch: async (batch) => {
        seen.push(...texts(batch));
      },
    }).start();
    await waitFor(() => seen.length >= 203);
    await admin.close();
    expect(seen).toEqual(numbers(97, 300));
    expect(
      logger.lines.some(({ level, message }) => level === 'warn' && message.includes('not in the log')),
    ).toBe(true);
  });

  it('reads from the beginning when the offset due is beyond the end, as of a topic made anew', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    await produce(kafka, topic, 0, numbers(0, 30));
    const seen: string[] = [];
    await member({
      connection: connection(kafka),
      topics: [topic],
      onAssigned: async () => [{ topic, partition: 0, offset: 5_000n }],
      onBatch: async (batch) => {
        seen.push(...texts(batch));
      },
    }).start();
    await waitFor(() => seen.length >= 30);
    expect(seen).toEqual(numbers(0, 30));
  });
});

describe('trap 4: rebalances', () => {
  it('tells a handler under way, drops its result, and makes its late commit harmless', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 2);
    await produce(kafka, topic, 0, numbers(0, 5));
    await produce(kafka, topic, 1, numbers(0, 5));
    const groupId = randomName('group');
    const shared = { connection: connection(kafka), groupId, topics: [topic] };
    const told: number[] = [];
    const revoked: string[] = [];
    const first = member({
      ...shared,
      onBatch: async (batch) => {
        await new Promise<void>((resolve) => {
          batch.signal.addEventListener('abort', () => resolve());
        });
        told.push(batch.partition);
        expect(batch.isOwned()).toBe(false);
      },
      onRevoked: ({ reason, partitions }) => revoked.push(`${reason}:${partitions.join()}`),
    });
    await first.start();
    await waitFor(() => first.positions().length === 2);
    const bySecond: PartitionBatch[] = [];
    const second = member({
      ...shared,
      onBatch: async (batch) => {
        bySecond.push(batch);
      },
    });
    await second.start();
    await waitFor(() => told.length === 2);
    expect(told.sort((a, b) => a - b)).toEqual([0, 1]);
    expect(revoked[0]).toBe('rebalance:0,1');
    await waitFor(() => bySecond.length === 1 && first.assigned().get(topic)?.length === 1);
    const [gained] = second.assigned().get(topic) ?? [];
    expect(bySecond[0]?.partition).toBe(gained);
    expect(bySecond[0]?.firstOffset).toBe(0n);
    await second.commit([{ topic, partition: gained ?? -1, offset: 5n }]);
    // The former owner's commit of what is not its own any more changes nothing.
    await first.commit([{ topic, partition: gained ?? -1, offset: 1n }]);
    const admin = createAdmin({ connection: connection(kafka) });
    const committed = await admin.committed(groupId, [topic]);
    await admin.close();
    expect(committed.find(({ partition }) => partition === gained)?.committed).toBe(5n);
  });

  it('does not carry a pause over to the next assignment', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    const groupId = randomName('group');
    const seen: string[] = [];
    let assignments = 0;
    const consumer = member({
      connection: connection(kafka),
      groupId,
      topics: [topic],
      onAssigned: async () => {
        assignments += 1;
        return [];
      },
      onBatch: async (batch) => {
        seen.push(...texts(batch));
      },
    });
    await consumer.start();
    await waitFor(() => assignments === 1);
    consumer.pause([{ topic, partition: 0 }]);
    const other = member({ connection: connection(kafka), groupId, topics: [topic] });
    await other.start();
    await waitFor(() => assignments === 2);
    await other.close();
    await waitFor(() => assignments === 3);
    await produce(kafka, topic, 0, ['x']);
    await waitFor(() => seen.length === 1);
  });
});

describe('trap 5: a slow partition', () => {
  it('holds up none of the others', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 4);
    for (let partition = 0; partition < 4; partition += 1)
      await produce(kafka, topic, partition, numbers(0, 3));
    const seen: string[] = [];
    let finish: (() => void) | undefined;
    await member({
      connection: connection(kafka),
      topics: [topic],
      onBatch: async (batch) => {
        if (batch.partition === 0 && batch.firstOffset === 0n) {
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        }
        seen.push(...texts(batch).map((text) => `${batch.partition}:${text}`));
      },
    }).start();
    await waitFor(() => finish !== undefined && seen.length === 9);
    for (let partition = 0; partition < 4; partition += 1) await produce(kafka, topic, partition, ['3']);
    await waitFor(() => seen.length === 12);
    expect(seen.filter((text) => text.startsWith('0:'))).toEqual([]);
    finish?.();
    await waitFor(() => seen.length === 16);
    expect(seen.filter((text) => text.startsWith('0:'))).toEqual(['0:0', '0:1', '0:2', '0:3']);
  });

  it('is read again from where it was once its owner resumes it', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 2);
    await produce(kafka, topic, 0, numbers(0, 3));
    const seen: string[] = [];
    const consumer = member({
      connection: connection(kafka),
      topics: [topic],
      onBatch: async (batch) => {
        if (batch.partition === 0) consumer.pause([{ topic, partition: 0 }]);
        seen.push(...texts(batch).map((text) => `${batch.partition}:${text}`));
      },
    });
    await consumer.start();
    await waitFor(() => seen.length === 3);
    await produce(kafka, topic, 0, ['3']);
    await produce(kafka, topic, 1, ['0']);
    await waitFor(() => seen.includes('1:0'));
    expect(seen).not.toContain('0:3');
    consumer.resume([{ topic, partition: 0 }]);
    await waitFor(() => seen.includes('0:3'));
    expect(seen.filter((text) => text.startsWith('0:'))).toEqual(['0:0', '0:1', '0:2', '0:3']);
  });
});

describe('trap 6: a silent stall', () => {
  it('shows in the health, with the place, until it moves again', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    await produce(kafka, topic, 0, numbers(0, 3));
    let finish: (() => void) | undefined;
    const consumer = member({
      connection: connection(kafka),
      topics: [topic],
      watchEveryMs: 50,
      stallAfterMs: 400,
      onBatch: async () => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
    });
    expect(consumer.healthy()).toEqual({ ok: false, reason: 'not started' });
    await consumer.start();
    await waitFor(() => finish !== undefined);
    expect(consumer.healthy().ok).toBe(true);
    await waitFor(() => !consumer.healthy().ok);
    expect(consumer.healthy().reason).toContain(`${topic}/0 stands at 0`);
    expect(consumer.positions()).toEqual([{ topic, partition: 0, position: 0n, lag: 3n }]);
    finish?.();
    await waitFor(() => consumer.healthy().ok);
    expect(consumer.positions()).toEqual([{ topic, partition: 0, position: 3n, lag: 0n }]);
  });
});

describe('trap 8: a cluster that is not ready', () => {
  it('starts once its topics are there', async () => {
    const { kafka } = await engines();
    const topic = randomName('late');
    const seen: string[] = [];
    const consumer = member({
      connection: connection(kafka),
      topics: [topic],
      onBatch: async (batch) => {
        seen.push(...texts(batch));
      },
    });
    const troubles = recordingLogger();
    const started = consumer.start();
    const admin = createAdmin({ connection: connection(kafka, troubles) });
    await admin.ensureTopics([{ topic, partitions: 1, replication: 1, config: {} }]);
    await admin.close();
    await started;
    await produce(kafka, topic, 0, ['now']);
    await waitFor(() => seen.length === 1);
  });

  it('says so when it never becomes ready', async () => {
    const { kafka } = await engines();
    const consumer = member({
      connection: connection(kafka),
      topics: [randomName('never')],
      startTimeoutMs: 500,
    });
    await expect(consumer.start()).rejects.toThrow(/does not host this topic-partition/);
  });
});

describe('the end of a consumer', () => {
  it('outlives a broker that dies and comes back, and reads on where it was', async () => {
    const broker = await ownKafka();
    try {
      const topic = await createTopic(broker.brokers, 1);
      await produce(broker.brokers, topic, 0, numbers(0, 5));
      const seen: string[] = [];
      const revoked: string[] = [];
      const consumer = member({
        connection: connection(broker.brokers),
        topics: [topic],
        onAssigned: async () => [{ topic, partition: 0, offset: BigInt(seen.length) }],
        onRevoked: ({ reason }) => revoked.push(reason),
        onBatch: async (batch) => {
          seen.push(...texts(batch));
        },
      });
      await consumer.start();
      await waitFor(() => seen.length === 5);
      await broker.kill();
      await broker.restart();
      await produce(broker.brokers, topic, 0, numbers(5, 10));
      await waitFor(() => seen.length >= 10, { timeoutMs: 40_000 });
      expect(seen).toEqual(numbers(0, 10));
      expect(consumer.healthy()).toEqual({ ok: true });
      await consumer.close();
      expect(revoked.at(-1)).toBe('closed');
    } finally {
      await broker.remove();
    }
  });

  it('is reported when kafkajs will not start it again', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    const groupId = randomName('group');
    // A member of another protocol: Kafka lets ours not in.
    const foreign = new Kafka({ brokers: kafka, logLevel: logLevel.NOTHING }).consumer({ groupId });
    await foreign.connect();
    // A broker may learn of a fresh topic later than the one that made it.
    await waitFor(() =>
      foreign.subscribe({ topic }).then(
        () => true,
        () => false,
      ),
    );
    await foreign.run({ eachBatch: async () => {} });
    const fatal: Error[] = [];
    const consumer = member({
      connection: connection(kafka),
      groupId,
      topics: [topic],
      onFatal: (error) => fatal.push(error),
    });
    await consumer.start();
    await waitFor(() => fatal.length === 1);
    expect(consumer.healthy()).toMatchObject({ ok: false, reason: expect.stringContaining('died') });
    await foreign.disconnect();
  });
});

describe('trap 10: assignment', () => {
  it('gives partition p of all topics to one member, and moves only what it must', async () => {
    const { kafka } = await engines();
    // Not a multiple of the members: sharing out in turns would part them.
    const topics = [await createTopic(kafka, 5), await createTopic(kafka, 5), await createTopic(kafka, 5)];
    const groupId = randomName('group');
    const join = async (): Promise<PartitionConsumer> => {
      const consumer = member({ connection: connection(kafka), groupId, topics });
      await consumer.start();
      return consumer;
    };
    const held = (consumer: PartitionConsumer): readonly number[] => {
      const [first, ...others] = topics.map((topic) => consumer.assigned().get(topic) ?? []);
      for (const other of others) expect(other).toEqual(first);
      return first ?? [];
    };
    // Who gets the odd one is a matter of member ids, which Kafka draws.
    const shares = (...members: readonly PartitionConsumer[]): string =>
      members
        .map((one) => held(one).length)
        .sort((a, b) => a - b)
        .join(',');
    const first = await join();
    await waitFor(() => held(first).length === 5);
    const second = await join();
    await waitFor(() => shares(first, second) === '2,3');
    const kept = [held(first), held(second)];
    expect([...held(first), ...held(second)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
    const third = await join();
    await waitFor(() => shares(first, second, third) === '1,2,2');
    expect(kept[0]).toEqual(expect.arrayContaining([...held(first)]));
    expect(kept[1]).toEqual(expect.arrayContaining([...held(second)]));
    await first.close();
    await waitFor(() => shares(second, third) === '2,3');
    expect([...held(second), ...held(third)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  });
});
