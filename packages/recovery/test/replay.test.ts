import { encodeEvent, encodeHeaders, type MessageOutcome, type SendRequested } from '@mersal/contracts';
import type { InRecord, OutRecord } from '@mersal/kafka';
import { type ReadPart, replay, type ReplayOrder, type ReplayParts } from '@mersal/recovery';
import { describe, expect, it } from 'vitest';

const NOW = 1_800_000_000_000;
const idOf = (n: number): string => `${String(n).padStart(32, '0')}-1${'a'.repeat(12)}`;
const nOf = (messageId: string): number => Number(messageId.slice(0, 32));

function inRecord(offset: number, headers: Record<string, string>, value: Buffer, key = 'r1'): InRecord {
  const buffers = Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]),
  );
  return { offset: BigInt(offset), key: Buffer.from(key), value, headers: buffers, timestamp: NOW - 5_000 };
}

function send(offset: number, n: number, more: Partial<SendRequested> = {}): InRecord {
  const data: SendRequested = {
    restaurantId: 'r1',
    messageId: idOf(n),
    conversationId: 'c',
    to: 'whatsapp:+966500000001',
    from: 'whatsapp:+14155238886',
    content: { kind: 'text', text: 'طلبك جاهز' },
    priority: 5,
    acceptedAt: NOW - 5_000,
    bodyHash: '0'.repeat(64),
    ...more,
  };
  const type = 'mersal.send.requested.v1';
  const headers = encodeHeaders({ id: data.messageId, type, source: 'ingress', time: NOW });
  return inRecord(offset, { ...headers, extra: 'kept' }, encodeEvent(type, data), data.restaurantId);
}

function outcome(n: number, state: MessageOutcome['state'], attempt = 0, redrive = 0): InRecord {
  const data: MessageOutcome = {
    restaurantId: 'r1',
    messageId: idOf(n),
    conversationId: 'c',
    redrive,
    attempt,
    state,
    at: NOW,
  };
  const type = 'mersal.message.outcome.v1';
  const headers = encodeHeaders({ id: `${n}/${state}`, type, source: 'sender', time: NOW });
  return inRecord(0, headers, encodeEvent(type, data));
}

/** A log, a ledger and an outcomes topic in memory. */
class World {
  readonly published: OutRecord[] = [];
  readonly states = new Map<number, string>();
  readonly progress: bigint[] = [];
  outcomes: InRecord[] = [];
  outcomesSince: number | undefined;
  readonly #log: InRecord[];

  constructor(...log: InRecord[]) {
    this.#log = log;
  }

  read: ReadPart = async (ranges, onRecords) => {
    const { from, to } = ranges.get(0) ?? { from: 0n, to: 0n };
    const records = this.#log.filter(({ offset }) => offset >= from && offset < to);
    for (let at = 0; at < records.length; at += 3) {
      const some = records.slice(at, at + 3);
      await onRecords(0, some, (some.at(-1)?.offset ?? 0n) + 1n);
    }
  };

  parts(more: Partial<ReplayParts> = {}): ReplayParts {
    return {
      readSends: this.read,
      readOutcomes: async (_partitions, since, onRecords) => {
        this.outcomesSince = since;
        onRecords(this.outcomes);
      },
      tenants: async (ids) => new Map(ids.filter((id) => id.startsWith('r')).map((id) => [id, 1])),
      statesOf: async (keys) => keys.map(({ u }) => this.states.get(Number(u))),
      publish: async (records) => void this.published.push(...records),
      pace: { slice: 2, take: async () => undefined },
      topic: 'sends',
      wallClock: () => NOW,
      onProgress: ({ positions }) => void this.progress.push(positions.get(0) ?? 0n),
      ...more,
    };
  }

  order(more: Partial<ReplayOrder> = {}): ReplayOrder {
    return { ranges: new Map([[0, { from: 0n, to: BigInt(this.#log.length) }]]), ...more };
  }

  get sent(): number[] {
    return this.published.map(({ value }) =>
      nOf((JSON.parse(String(value)) as { messageId: string }).messageId),
    );
  }
}

describe('a replay', () => {
  it('publishes what the ledger lacks, as it was, and skips all else with its state', async () => {
    const world = new World(
      send(0, 1),
      send(1, 2),
      send(2, 3),
      inRecord(3, {}, Buffer.from('no event')),
      send(4, 5, { expiresAt: NOW }),
      send(5, 6, { restaurantId: 'unknown' }),
      send(6, 7),
      send(7, 7),
    );
    world.states.set(1, 'sent').set(2, 'dead');
    const tally = await replay(world.parts(), world.order());
    expect(world.sent).toEqual([3, 7]);
    expect(tally).toEqual({
      matched: 8,
      sent: 2,
      skipped: 6,
      reasons: {
        sent: 1,
        dead: 1,
        undecodable: 1,
        past_expiry: 1,
        unknown_restaurant: 1,
        repeated: 1,
      },
    });
    const [first] = world.published;
    expect(first).toMatchObject({ topic: 'sends', partition: 0, key: Buffer.from('r1') });
    expect(String(first?.headers['extra'])).toBe('kept');
    expect(world.progress.at(-1)).toBe(8n);
  });

  it('names what asked for it beside the trace of the send', async () => {
    const world = new World(send(0, 1));
    const operation = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    await replay(world.parts(), world.order({ operation }));
    await replay(world.parts(), world.order());
    const [linked, plain] = world.published.map(({ headers }) => headers);
    expect(linked).toEqual({ ...plain, 'operation-traceparent': operation });
    expect(plain).not.toHaveProperty('operation-traceparent');
  });

  it('never publishes what the outcomes topic tells the end of', async () => {
    const world = new World(...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => send(n, n + 1)));
    world.outcomes = [
      outcome(1, 'queued'),
      outcome(2, 'queued'),
      outcome(2, 'sent', 1),
      // Published twice, the older one last.
      outcome(2, 'queued'),
      outcome(3, 'unknown', 1),
      outcome(4, 'unknown', 1),
      outcome(4, 'retrying', 1),
      outcome(5, 'dead', 4),
      outcome(6, 'dead', 4),
      outcome(6, 'queued', 4, 1),
      outcome(7, 'cancelled'),
      outcome(99, 'sent', 1),
    ];
    const tally = await replay(world.parts(), world.order());
    // 1 waited, 4 was found not to be accepted, 6 was put back, of 8 nothing is told.
    expect(world.sent).toEqual([1, 4, 6, 8]);
    expect(tally.reasons).toEqual({
      sent_by_outcomes: 1,
      unknown_by_outcomes: 1,
      dead_by_outcomes: 1,
      cancelled_by_outcomes: 1,
    });
    expect(world.outcomesSince).toBeLessThan(NOW - 5_000);
  });

  it('asks the outcomes topic for nothing where the ledger has all', async () => {
    const world = new World(send(0, 1));
    world.states.set(1, 'waiting');
    expect(await replay(world.parts(), world.order())).toMatchObject({ matched: 1, sent: 0 });
    expect(world.outcomesSince).toBeUndefined();
  });

  it('only counts in a dry run, the same as it would do', async () => {
    const world = new World(send(0, 1), send(1, 2), send(2, 2));
    world.states.set(1, 'sent');
    const dry = await replay(world.parts(), world.order({ dryRun: true }));
    expect(world.published).toEqual([]);
    expect(await replay(world.parts(), world.order())).toEqual(dry);
  });

  it('of one restaurant leaves the others alone', async () => {
    const world = new World(send(0, 1), send(1, 2, { restaurantId: 'r2' }));
    expect(await replay(world.parts(), world.order({ restaurantId: 'r2' }))).toMatchObject({
      matched: 1,
      sent: 1,
    });
    expect(world.sent).toEqual([2]);
  });

  it('goes on where it was interrupted, and counts on', async () => {
    const world = new World(...[0, 1, 2, 3, 4, 5].map((n) => send(n, n + 1)));
    let saved = { position: 0n, tally: { sent: 0, reasons: {} } };
    const dies = async (records: readonly OutRecord[]): Promise<void> => {
      if (world.published.length >= 4) throw new Error('killed');
      world.published.push(...records);
    };
    const onProgress: ReplayParts['onProgress'] = ({ positions, tally }) => {
      saved = { position: positions.get(0) ?? 0n, tally };
    };
    await expect(replay(world.parts({ publish: dies, onProgress }), world.order())).rejects.toThrow('killed');
    expect(saved).toMatchObject({ position: 3n, tally: { sent: 3 } });
    // What was published is admitted meanwhile.
    for (const n of world.sent) world.states.set(n, 'waiting');
    const resumed = {
      ranges: new Map([[0, { from: saved.position, to: 6n }]]),
      resumed: { tally: { matched: 3, skipped: 0, ...saved.tally } },
    };
    const tally = await replay(world.parts(), world.order(resumed));
    expect(world.sent.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tally.matched).toBe(6);
  });
});
