import { createAdmin, createPublisher, readRange } from '@mersal/kafka';
import { engines } from '@mersal/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { connection, createTopic, record } from './harness.js';

describe('a part of a topic', () => {
  let brokers: readonly string[];
  let topic: string;
  beforeAll(async () => {
    ({ kafka: brokers } = await engines());
    topic = await createTopic(brokers, 2);
    const publisher = await createPublisher({ connection: connection(brokers) });
    for (let n = 0; n < 20; n += 1)
      await publisher.publish([record(topic, n % 2, `${n}`), record(topic, n % 2, `${n}b`)]);
    await publisher.close();
  });

  async function read(ranges: [number, [bigint, bigint]][]): Promise<Record<number, string[]>> {
    const values: Record<number, string[]> = {};
    await readRange({
      connection: connection(brokers),
      topic,
      ranges: new Map(ranges.map(([partition, [from, to]]) => [partition, { from, to }])),
      onRecords: async (partition, records) => {
        (values[partition] ??= []).push(...records.map(({ value }) => String(value)));
      },
    });
    return values;
  }

  it('is read from its first offset up to its end, and no further', async () => {
    expect(await read([[0, [3n, 6n]]])).toEqual({ 0: ['2b', '4', '4b'] });
    const all = await read([
      [0, [0n, 20n]],
      [1, [18n, 999n]],
    ]);
    expect([all[0]?.length, all[1]]).toEqual([20, ['19', '19b']]);
    expect(await read([[0, [20n, 99n]]])).toEqual({});
    await expect(read([[7, [0n, 1n]]])).rejects.toThrow('no partition 7');
  });

  it('that the log does not have any more is left out', async () => {
    const below = new Map([[1, 4n]]);
    const admin = createAdmin({ connection: connection(brokers) });
    try {
      await admin.deleteRecords(topic, below);
      // What the log has no more is left out.
      expect((await read([[1, [0n, 6n]]]))[1]).toEqual(['5', '5b']);
    } finally {
      await admin.close();
    }
  });

  it('ends with the error of its reader, or when it is asked to', async () => {
    const ranges = new Map([[0, { from: 0n, to: 20n }]]);
    const shared = { connection: connection(brokers), topic, ranges };
    const onRecords = (): Promise<void> => Promise.reject(new Error('full'));
    await expect(readRange({ ...shared, onRecords })).rejects.toThrow('full');
    const ended = new AbortController();
    const waits = readRange({
      ...shared,
      signal: ended.signal,
      onRecords: async () => ended.abort(new Error('enough')),
      ranges: new Map([...ranges, [1, { from: 4n, to: 20n }]]),
    });
    await expect(waits).rejects.toThrow('enough');
  });
});
