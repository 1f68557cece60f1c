import {
  decodeEvent,
  OPERATION_TRACEPARENT,
  parseMessageId,
  type SendRequested,
  UndecodableRecord,
} from '@mersal/contracts';
import type { InRecord, OffsetRange, OutRecord } from '@mersal/kafka';
import type { Pace } from './pace.js';
import { Counter, type Tally } from './tally.js';
import { ToldOutcomes } from './told-outcomes.js';

/** Reads a part of a topic: see readRange. */
export type ReadPart = (
  ranges: ReadonlyMap<number, OffsetRange>,
  onRecords: (partition: number, records: readonly InRecord[], next: bigint) => Promise<void>,
) => Promise<void>;

export interface ReplayParts {
  readonly readSends: ReadPart;
  /** The outcomes topic, from the first record of this time (ms since 1970) up to its end. */
  readonly readOutcomes: (
    partitions: readonly number[],
    since: number,
    onRecords: (records: readonly InRecord[]) => void,
  ) => Promise<void>;
  /** The ledger's numbers of restaurants; those that it does not have are missing. */
  readonly tenants: (restaurantIds: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** By the ledger, in the order of the keys; undefined: there is no such message. */
  readonly statesOf: (
    keys: readonly { readonly tenant: number; readonly u: string }[],
  ) => Promise<readonly (string | undefined)[]>;
  readonly publish: (records: readonly OutRecord[]) => Promise<void>;
  readonly pace: Pick<Pace, 'take' | 'slice'>;
  /** Where records go: the topic that they came from. */
  readonly topic: string;
  /** ms since 1970. */
  readonly wallClock: () => number;
  /** Everything before these offsets is carried out. Called after each step. */
  readonly onProgress?: (progress: ReplayProgress) => Promise<void> | void;
}

export interface ReplayOrder {
  readonly ranges: ReadonlyMap<number, OffsetRange>;
  /** One restaurant's only. */
  readonly restaurantId?: string | undefined;
  readonly dryRun?: boolean | undefined;
  /** W3C trace context of what asked for it: the messages are linked to it. */
  readonly operation?: string | undefined;
  /** What was carried out before an interruption. */
  readonly resumed?: Pick<ReplayProgress, 'tally'> | undefined;
}

export interface ReplayProgress {
  readonly tally: Tally;
  /** Records read, of all that are in the ranges. */
  readonly read: bigint;
  readonly total: bigint;
  readonly positions: ReadonlyMap<number, bigint>;
}

/** More messages that the ledger lacks than one replay keeps in mind: a shorter span is needed. */
export class TooManyMissing extends Error {
  readonly code = 'too_many_missing';
  constructor() {
    super(`the ledger lacks more than ${MOST_MISSING} messages of this span: replay it in shorter ones`);
    this.name = 'TooManyMissing';
  }
}

export const MOST_MISSING = 1_000_000;
/** One look-up in the ledger. */
const LOOK_UP = 500;
/** An outcome may be stamped by another machine's clock, in ms. */
const CLOCK_ALLOWANCE_MS = 60_000;

interface Sent {
  readonly record: InRecord;
  readonly send: SendRequested;
}

/**
 * Reads a part of the log again and publishes what the ledger lacks, as it was.
 *
 *   survey      which messages of the span does the ledger lack?
 *   outcomes    which of those does the outcomes topic tell the end of?
 *   carry out   once more over the span: publish what is left, at the pace; everything else is skipped, with its state
 *
 * The span ends where the log ended when the replay began, so that what it publishes is not read again. What is published is
 * admitted only where the ledger still lacks it: published twice is sent once.
 */
export async function replay(parts: ReplayParts, order: ReplayOrder): Promise<Tally> {
  const told = new ToldOutcomes();
  const oldest = await survey(parts, order, told);
  if (told.size > 0)
    await parts.readOutcomes([...order.ranges.keys()], oldest - CLOCK_ALLOWANCE_MS, (records) =>
      told.hear(records),
    );
  return carryOut(parts, order, told);
}

async function survey(parts: ReplayParts, order: ReplayOrder, told: ToldOutcomes): Promise<number> {
  let oldest = Number.POSITIVE_INFINITY;
  await parts.readSends(order.ranges, async (_partition, records) => {
    for (const chunk of chunksOf(records, LOOK_UP)) {
      const sends = chunk.flatMap((record) => sendOf(record, order) ?? []);
      const found = await lookUp(parts, sends);
      for (const [at, { record, send }] of sends.entries()) {
        if (found[at] !== 'missing') continue;
        told.expect(send.messageId);
        oldest = Math.min(oldest, record.timestamp, send.acceptedAt);
      }
      if (told.size > MOST_MISSING) throw new TooManyMissing();
    }
  });
  return oldest;
}

async function carryOut(parts: ReplayParts, order: ReplayOrder, told: ToldOutcomes): Promise<Tally> {
  const { ranges, dryRun, resumed } = order;
  const { publish, pace, onProgress, topic, wallClock } = parts;
  const counter = new Counter(resumed?.tally);
  const positions = new Map([...ranges].map(([partition, { from }]) => [partition, from]));
  const total = [...ranges.values()].reduce((sum, { from, to }) => sum + (to - from), 0n);
  const published = new Set<string>();
  let read = 0n;

  const move = async (partition: number, next: bigint): Promise<void> => {
    read += next - (positions.get(partition) ?? next);
    positions.set(partition, next);
    await onProgress?.({ tally: counter.tally, read, total, positions });
  };
  await parts.readSends(ranges, async (partition, records, next) => {
    for (const chunk of chunksOf(records, LOOK_UP)) {
      const last = chunk.at(-1)?.offset ?? next;
      const sends: Sent[] = [];
      for (const record of chunk) {
        if (!isOf(record, order.restaurantId)) continue;
        const send = sendOf(record, order);
        if (send) sends.push(send);
        else counter.skipped('undecodable');
      }
      const found = await lookUp(parts, sends);
      const wanted = sends.filter(({ send }, at) => {
        const why = reasonToSkip(found[at] ?? 'missing', send);
        if (why === undefined) published.add(send.messageId);
        else counter.skipped(why);
        return why === undefined;
      });
      for (const slice of chunksOf(wanted, pace.slice)) {
        if (dryRun !== true) {
          await pace.take(slice.length);
          await publish(slice.map(({ record }) => copyOf(record, topic, partition, order.operation)));
        }
        counter.sent(slice.length);
      }
      await move(partition, last + 1n);
    }
    await move(partition, next);
  });
  return counter.tally;

  function reasonToSkip(found: string, send: SendRequested): string | undefined {
    if (found !== 'missing') return found;
    if (published.has(send.messageId)) return 'repeated';
    const end = told.forbids(send.messageId);
    if (end !== undefined) return `${end}_by_outcomes`;
    if (send.expiresAt !== undefined && send.expiresAt <= wallClock()) return 'past_expiry';
    return undefined;
  }
}

async function lookUp(parts: ReplayParts, sends: readonly Sent[]): Promise<string[]> {
  if (sends.length === 0) return [];
  const tenants = await parts.tenants([...new Set(sends.map(({ send }) => send.restaurantId))]);
  const keys = sends.flatMap(({ send }) => {
    const tenant = tenants.get(send.restaurantId);
    const u = parseMessageId(send.messageId)?.u;
    return tenant === undefined || u === undefined ? [] : [{ tenant, u }];
  });
  const states = keys.length === 0 ? [] : await parts.statesOf(keys);
  let at = 0;
  return sends.map(({ send }) => {
    if (!tenants.has(send.restaurantId)) return 'unknown_restaurant';
    const state = states[at];
    at += 1;
    return state ?? 'missing';
  });
}

function isOf(record: InRecord, restaurantId: string | undefined): boolean {
  return restaurantId === undefined || record.key?.toString('utf8') === restaurantId;
}

function sendOf(record: InRecord, { restaurantId }: Pick<ReplayOrder, 'restaurantId'>): Sent | undefined {
  if (!isOf(record, restaurantId)) return undefined;
  try {
    const event = decodeEvent(record.headers, record.value);
    return event.type === 'mersal.send.requested.v1' ? { record, send: event.data } : undefined;
  } catch (error) {
    if (error instanceof UndecodableRecord) return undefined;
    throw error;
  }
}

/** The record as it was, and what published it again: to whoever reads it, it is the same send once more. */
function copyOf(
  { key, value, headers }: InRecord,
  topic: string,
  partition: number,
  operation: string | undefined,
): OutRecord {
  return {
    topic,
    partition,
    key,
    value,
    headers: operation === undefined ? headers : { ...headers, [OPERATION_TRACEPARENT]: operation },
  };
}

function chunksOf<T>(all: readonly T[], most: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < all.length; at += most) chunks.push(all.slice(at, at + most));
  return chunks;
}
