import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { KafkaAccessError } from '../src/access-error.js';
import type { OutRecord } from '../src/out-record.js';
import { NothingWritten, type ProducerSession, unacknowledged } from '../src/producer-session.js';
import { createPublisher, type PublisherOptions } from '../src/publisher.js';
import { connection, record } from './harness.js';

/** Sessions whose requests the test answers. */
class FakeKafka {
  readonly requests: { session: number; values: string[]; answer: (error?: Error) => void }[] = [];
  readonly discarded: number[] = [];
  sessions = 0;
  reachable = true;
  #waiting: (() => void)[] = [];

  open(): ProducerSession {
    const session = (this.sessions += 1);
    return {
      connect: async () => {
        if (!this.reachable) throw new Error('refused');
      },
      send: (records: readonly OutRecord[]) =>
        new Promise((resolve, reject) => {
          this.requests.push({
            session,
            values: records.map(({ value }) => String(value)),
            answer: (error) => (error === undefined ? resolve(new Set<OutRecord>()) : reject(error)),
          });
          for (const wake of this.#waiting.splice(0)) wake();
        }),
      onClosed: () => {},
      close: async () => {},
      discard: () => this.discarded.push(session),
    };
  }

  async request(n: number) {
    for (;;) {
      const found = this.requests[n];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}

async function publisher(more: Partial<PublisherOptions> = {}) {
  const kafka = new FakeKafka();
  const to = await createPublisher({
    connection: connection(['nowhere:1']),
    lingerMs: 0,
    reconnect: { minMs: 1, maxMs: 2 },
    openSession: () => kafka.open(),
    ...more,
  });
  return { kafka, to };
}

const one = (value: string): OutRecord[] => [record('t', 0, value)];

describe('a publisher', () => {
  it('never has two requests under way, and gathers what comes meanwhile', async () => {
    const { kafka, to } = await publisher();
    const first = to.publish(one('a'));
    const request = await kafka.request(0);
    const rest = [to.publish(one('b')), to.publish(one('c'))];
    for (let n = 0; n < 20; n += 1) await turn();
    expect(kafka.requests).toHaveLength(1);
    expect(to.queued).toBe(3);
    request.answer();
    await first;
    expect((await kafka.request(1)).values).toEqual(['b', 'c']);
    kafka.requests[1]?.answer();
    await Promise.all(rest);
    expect(to.queued).toBe(0);
    await to.close();
  });

  it('resolves no call before all of its records are acknowledged', async () => {
    const { kafka, to } = await publisher({ maxBatchRecords: 1 });
    let resolved = false;
    const call = to.publish([...one('a'), ...one('b')]).then(() => {
      resolved = true;
    });
    (await kafka.request(0)).answer();
    const second = await kafka.request(1);
    expect(resolved).toBe(false);
    second.answer();
    await call;
    await to.close();
  });

  it('discards the producer of a failed request and never uses it again', async () => {
    const { kafka, to } = await publisher();
    const doomed = to.publish(one('a'));
    (await kafka.request(0)).answer(new Error('fenced'));
    await expect(doomed).rejects.toMatchObject({ code: 'publish_unavailable', accepted: 'unknown' });
    expect(kafka.discarded).toEqual([1]);
    const next = to.publish(one('b'));
    const request = await kafka.request(1);
    expect(request).toMatchObject({ session: 2, values: ['b'] });
    request.answer();
    await next;
    await to.close();
  });

  it('discards it at the deadline, which those not sent yet survive with their own', async () => {
    const { kafka, to } = await publisher();
    const doomed = to.publish(one('a'), { deadlineMs: 30 });
    await kafka.request(0);
    const patient = to.publish(one('b'), { deadlineMs: 10_000 });
    await expect(doomed).rejects.toMatchObject({ code: 'publish_timeout', accepted: 'unknown' });
    const request = await kafka.request(1);
    expect(request).toMatchObject({ session: 2, values: ['b'] });
    expect(kafka.discarded).toContain(1);
    request.answer();
    await patient;
    await to.close();
  });

  it('never sends what expired while it waited, and says that it is not in the log', async () => {
    const { kafka, to } = await publisher();
    const first = to.publish(one('a'), { deadlineMs: 10_000 });
    const request = await kafka.request(0);
    await expect(to.publish(one('b'), { deadlineMs: 20 })).rejects.toMatchObject({
      code: 'publish_timeout',
      accepted: false,
    });
    const third = to.publish(one('c'));
    request.answer();
    await first;
    expect((await kafka.request(1)).values).toEqual(['c']);
    kafka.requests[1]?.answer();
    await third;
    await to.close();
  });

  it('fails at the deadline with accepted: false while Kafka is away', async () => {
    const { kafka, to } = await publisher();
    await to.close();
    kafka.reachable = false;
    const away = await createPublisher({
      connection: connection(['nowhere:1']),
      reconnect: { minMs: 1, maxMs: 2 },
      openSession: () => kafka.open(),
    });
    await expect(away.publish(one('a'), { deadlineMs: 30 })).rejects.toMatchObject({
      code: 'publish_unavailable',
      accepted: false,
    });
    expect(away.queued).toBe(0);
    expect(kafka.requests).toEqual([]);
    await away.close();
  });

  it('has room for so many records and bytes, and refuses more at once', async () => {
    const { kafka, to } = await publisher({ maxQueuedRecords: 2 });
    const accepted = [to.publish(one('a')), to.publish(one('b'))];
    await expect(to.publish(one('c'))).rejects.toMatchObject({ code: 'publish_overloaded', accepted: false });
    (await kafka.request(0)).answer();
    await accepted[0];
    if (kafka.requests[0]?.values.length === 1) (await kafka.request(1)).answer();
    await accepted[1];
    await to.close();

    const small = await publisher({ maxQueuedBytes: 100 });
    await expect(small.to.publish(one('x'.repeat(100)))).rejects.toMatchObject({
      code: 'publish_overloaded',
    });
    await small.to.close();
  });

  it('refuses a record too large for its topic before it is sent, and only that', async () => {
    const { kafka, to } = await publisher({ maxMessageBytes: (topic) => (topic === 't' ? 500 : 1_000) });
    await expect(to.publish(one('x'.repeat(500)))).rejects.toMatchObject({
      code: 'record_too_large',
      accepted: false,
    });
    const fits = to.publish([record('dead', 0, 'x'.repeat(500))]);
    (await kafka.request(0)).answer();
    await fits;
    await to.close();
  });

  it('gives what waits to Kafka before it closes, and takes no more', async () => {
    const { kafka, to } = await publisher({ lingerMs: 10_000 });
    const first = to.publish(one('a'));
    (await kafka.request(0)).answer();
    await first;
    const call = to.publish(one('b'));
    const closing = to.close();
    await expect(to.publish(one('c'))).rejects.toMatchObject({ code: 'closed', accepted: false });
    (await kafka.request(1)).answer();
    await Promise.all([call, closing]);
  });

  it('lets nobody wait who comes alone, and gathers those that come right behind another', async () => {
    let now = 1_000;
    const { kafka, to } = await publisher({ lingerMs: 30, now: () => now });
    const alone = to.publish(one('a'));
    (await kafka.request(0)).answer();
    await alone;
    const behind = [to.publish(one('b'))];
    for (let n = 0; n < 5; n += 1) await turn();
    behind.push(to.publish(one('c')));
    const gathered = await kafka.request(1);
    expect(gathered.values).toEqual(['b', 'c']);
    gathered.answer();
    await Promise.all(behind);
    now += 30;
    const later = [to.publish(one('d')), to.publish(one('e'))];
    const together = await kafka.request(2);
    expect(together.values).toEqual(['d', 'e']);
    together.answer();
    await Promise.all(later);
  });
});

describe('unacknowledged', () => {
  it('finds the partitions that the answer leaves out or reports as failed', () => {
    const records = [record('a', 0, 'x'), record('a', 1, 'x'), record('b', 0, 'x')];
    const ok = (topicName: string, partition: number) => ({ topicName, partition, errorCode: 0 });
    expect(unacknowledged(records, [ok('a', 0), ok('a', 1), ok('b', 0)])).toEqual([]);
    expect(unacknowledged(records, [ok('a', 1), { ...ok('b', 0), errorCode: 6 }])).toEqual(['a/0', 'b/0']);
  });
});

describe('a refused publish', () => {
  const refusal = new KafkaAccessError('kafka_forbidden', 'Kafka does not allow it', undefined);

  it('that nothing of was written is certainly not accepted; one in doubt is not known', async () => {
    const { kafka, to } = await publisher();
    const answers = [
      [new NothingWritten(refusal), false],
      [refusal, 'unknown'],
    ] as const;
    for (const [n, [error, accepted]] of answers.entries()) {
      const publishing = to.publish(one('a'));
      (await kafka.request(n)).answer(error);
      await expect(publishing).rejects.toMatchObject({ code: 'publish_forbidden', accepted, cause: refusal });
    }
    await to.close();
  });

  it('is not known where the first of its records went before', async () => {
    const { kafka, to } = await publisher({ maxBatchRecords: 1 });
    const publishing = to.publish([record('t', 0, 'a'), record('t', 0, 'b')]);
    (await kafka.request(0)).answer();
    (await kafka.request(1)).answer(new NothingWritten(refusal));
    await expect(publishing).rejects.toMatchObject({ code: 'publish_forbidden', accepted: 'unknown' });
    await to.close();
  });
});
