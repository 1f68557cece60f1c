import { createPublisher, createAdmin, PublishError, type Publisher } from '@mersal/kafka';
import { engines, ownKafka, waitFor } from '@mersal/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connection, createTopic, readLog, record } from './harness.js';

const open: Publisher[] = [];

async function publisher(
  brokers: readonly string[],
  more: Partial<Parameters<typeof createPublisher>[0]> = {},
) {
  const made = await createPublisher({ connection: connection(brokers), ...more });
  open.push(made);
  return made;
}

// Of this file's own: frozen by two tests, and only then killed by the last.
let broker: Awaited<ReturnType<typeof ownKafka>>;
beforeAll(async () => {
  broker = await ownKafka();
}, 120_000);
afterAll(() => broker?.remove());

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()));
});

function expectOnceInOrder(
  log: Awaited<ReturnType<typeof readLog>>,
  acknowledged: ReadonlyMap<number, string[]>,
): void {
  for (const [partition, values] of acknowledged) {
    const logged = (log.get(partition) ?? []).map(({ value }) => value);
    const counts = new Map<string, number>();
    for (const value of logged) counts.set(value, (counts.get(value) ?? 0) + 1);
    expect(values.filter((value) => counts.get(value) !== 1)).toEqual([]);
    const wanted = new Set(values);
    expect(logged.filter((value) => wanted.has(value))).toEqual(values);
  }
}

describe('a publisher', () => {
  it('writes records where they belong, in the order of the calls', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 3);
    const to = await publisher(kafka);
    const acknowledged = new Map<number, string[]>([0, 1, 2].map((partition) => [partition, []]));
    await Promise.all(
      Array.from({ length: 600 }, async (_, n) => {
        await to.publish([record(topic, n % 3, `v${n}`)]);
        acknowledged.get(n % 3)?.push(`v${n}`);
      }),
    );
    expect(to.queued).toBe(0);
    expectOnceInOrder(await readLog(kafka, topic), acknowledged);
  });

  it('publishes a call with records of several topics as one', async () => {
    const { kafka } = await engines();
    const [a, b] = [await createTopic(kafka, 1), await createTopic(kafka, 2)];
    const to = await publisher(kafka);
    await to.publish([record(a, 0, 'one'), record(b, 1, 'two')]);
    expect((await readLog(kafka, a)).get(0)?.map(({ value }) => value)).toEqual(['one']);
    expect((await readLog(kafka, b)).get(1)?.map(({ value }) => value)).toEqual(['two']);
  });

  it('splits what exceeds max.message.bytes of a partition over several requests', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1, { 'max.message.bytes': '20000' });
    const to = await publisher(kafka, { maxMessageBytes: () => 20_000 });
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => to.publish([record(topic, 0, `${n}`.padEnd(3_000))])),
    );
    expect((await readLog(kafka, topic)).get(0)).toHaveLength(40);
  });

  it('refuses only the record that Kafka finds too large, and writes the others once', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 2, { 'max.message.bytes': '5000' });
    // Told a larger limit than the topic has, so that only the broker can refuse.
    const to = await publisher(kafka, { lingerMs: 50 });
    const results = await Promise.allSettled([
      to.publish([record(topic, 0, 'before')]),
      to.publish([record(topic, 0, 'x'.repeat(6_000))]),
      to.publish([record(topic, 0, 'after')]),
      to.publish([record(topic, 1, 'beside')]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'record_too_large', accepted: false } });
    await to.publish([record(topic, 0, 'later'), record(topic, 1, 'later')]);
    const log = await readLog(kafka, topic);
    expect(log.get(0)?.map(({ value }) => value)).toEqual(['before', 'after', 'later']);
    expect(log.get(1)?.map(({ value }) => value)).toEqual(['beside', 'later']);
  });

  it('does not call a record published that kafkajs left out for want of its partition', async () => {
    const { kafka } = await engines();
    const topic = await createTopic(kafka, 1);
    const to = await publisher(kafka);
    await expect(to.publish([record(topic, 7, 'nowhere')])).rejects.toMatchObject({
      code: 'publish_unavailable',
      accepted: 'unknown',
    });
    await to.publish([record(topic, 0, 'here')]);
    expect((await readLog(kafka, topic)).get(0)).toHaveLength(1);
  });
});

describe('trap 1: a broker that freezes under concurrent publishes', () => {
  it('has everything acknowledged exactly once and in order', async () => {
    const topic = await createTopic(broker.brokers, 2);
    const to = await publisher(broker.brokers, {
      requestTimeoutMs: 800,
      deadlineMs: 10_000,
      maxBatchRecords: 5,
    });
    await to.publish([record(topic, 0, 'warm')]);
    const acknowledged = new Map<number, string[]>([
      [0, []],
      [1, []],
    ]);
    let failed = 0;
    const send = async (n: number): Promise<void> => {
      try {
        await to.publish([record(topic, n % 2, `v${n}`)]);
        acknowledged.get(n % 2)?.push(`v${n}`);
      } catch (error) {
        expect(error).toBeInstanceOf(PublishError);
        failed += 1;
      }
    };
    const sends = Array.from({ length: 20 }, (_, n) => send(n));
    broker.freeze();
    sends.push(...Array.from({ length: 40 }, (_, n) => send(20 + n)));
    const thawAt = performance.now() + 3_000;
    await waitFor(() => performance.now() >= thawAt);
    broker.thaw();
    await Promise.all(sends);
    await Promise.all(Array.from({ length: 20 }, (_, n) => send(60 + n)));
    expect(failed).toBe(0);
    expectOnceInOrder(await readLog(broker.brokers, topic), acknowledged);
  });

  it('gives up at the deadline with "unknown", discards the producer, and what it acknowledges later is there once', async () => {
    const topic = await createTopic(broker.brokers, 1);
    const to = await publisher(broker.brokers, { requestTimeoutMs: 500, deadlineMs: 1_200 });
    await to.publish([record(topic, 0, 'warm')]);
    broker.freeze();
    const begun = performance.now();
    await expect(to.publish([record(topic, 0, 'doubtful')])).rejects.toMatchObject({ accepted: 'unknown' });
    await expect(to.publish([record(topic, 0, 'never sent')])).rejects.toMatchObject({ accepted: false });
    expect(performance.now() - begun).toBeLessThan(3_500);
    broker.thaw();
    const acknowledged: string[] = [];
    await waitFor(
      async () => {
        for (let n = 0; n < 10; n += 1) {
          const value = `after${acknowledged.length}`;
          await to.publish([record(topic, 0, value)]);
          acknowledged.push(value);
        }
        return true;
      },
      { timeoutMs: 20_000 },
    );
    const log = await readLog(broker.brokers, topic);
    expectOnceInOrder(log, new Map([[0, ['warm', ...acknowledged]]]));
    expect(log.get(0)?.map(({ value }) => value)).not.toContain('never sent');
  });
});

describe('trap 8: a publisher and a cluster that is not there yet', () => {
  it('fails with accepted: false while Kafka is away, and recovers by itself', async () => {
    const topic = await createTopic(broker.brokers, 1);
    await broker.kill();
    const to = await publisher(broker.brokers, { deadlineMs: 800 });
    await expect(to.publish([record(topic, 0, 'lost')])).rejects.toMatchObject({
      code: 'publish_unavailable',
      accepted: false,
    });
    await broker.restart();
    await waitFor(
      async () => {
        await to.publish([record(topic, 0, 'back')]);
        return true;
      },
      { timeoutMs: 20_000 },
    );
    // Its death while nothing is under way is noticed: the next record never becomes part of a doubtful request.
    await broker.kill();
    await waitFor(() => !to.connected);
    await expect(to.publish([record(topic, 0, 'lost too')])).rejects.toMatchObject({ accepted: false });
    await broker.restart();
    const admin = createAdmin({ connection: connection(broker.brokers) });
    await waitFor(async () => (await admin.endOffsets(topic)).get(0) !== undefined, { timeoutMs: 20_000 });
    await admin.close();
    const values = (await readLog(broker.brokers, topic)).get(0)?.map(({ value }) => value) ?? [];
    expect(values).not.toContain('lost');
    expect(values).not.toContain('lost too');
    expect(values).toContain('back');
  });
});
