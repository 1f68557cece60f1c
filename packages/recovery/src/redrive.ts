import { encodeEvent, encodeHeaders, joinMessageId, partitionFor, type SendRedrive } from '@mersal/contracts';
import type { OutRecord } from '@mersal/kafka';
import type { Pace } from './pace.js';
import { Counter, type Tally } from './tally.js';

/** Of a dead letter, what a redrive needs to know. */
export interface Letter<Place> {
  readonly restaurantId: string | null;
  readonly u: string;
  /** Null of a record that never became a message. */
  readonly tag: string | null;
  /** How often it was put back before. */
  readonly redrive: number;
  /** Why it can not be put back; null: it can. */
  readonly refusal: string | null;
  /** The message's own, W3C trace context. */
  readonly traceparent: string | null;
  /** Where a list goes on behind it. */
  readonly place: Place;
}

export interface RedriveParts<Place> {
  /** The next letters, those given up first first: so the messages of a conversation keep their order. */
  readonly list: (after: Place | undefined, most: number) => Promise<readonly Letter<Place>[]>;
  readonly publish: (records: readonly OutRecord[]) => Promise<void>;
  readonly pace: Pick<Pace, 'take' | 'slice'>;
  readonly to: RedriveAddress;
  /** ms since 1970. */
  readonly wallClock: () => number;
  readonly onProgress?: (tally: Tally) => void;
}

export interface RedriveAddress {
  /** The retry topic. */
  readonly topic: string;
  readonly partitions: number;
  /** The service that publishes. */
  readonly source: string;
}

export interface RedriveOrder {
  /** Who asked for it. */
  readonly by: string;
  /** W3C trace context of what asked for it: the messages are linked to it. */
  readonly operation?: string | undefined;
  /** Of the messages from now on; undefined: as before. */
  readonly priority?: number | undefined;
  /** Only counts. */
  readonly dryRun?: boolean | undefined;
  /** Letters at most. */
  readonly most?: number | undefined;
}

export interface Redriven<Place> extends Tally {
  /** Where to go on; undefined: there is nothing more. */
  readonly next: Place | undefined;
}

const PAGE = 500;

/**
 * Publishes a redrive for each letter. Not more than that: the owner of its partition puts the message back, once, however
 * often it is asked to; see admitRedrives.
 */
export async function redrive<Place>(
  parts: RedriveParts<Place>,
  order: RedriveOrder,
  from?: Place,
): Promise<Redriven<Place>> {
  const { list, publish, pace, onProgress } = parts;
  const counter = new Counter();
  let after = from;
  for (let left = order.most ?? Number.POSITIVE_INFINITY; left > 0; ) {
    const asked = Math.min(PAGE, left);
    const page = await list(after, asked);
    const records: OutRecord[] = [];
    for (const letter of page) {
      if (letter.refusal !== null) counter.skipped(letter.refusal);
      else records.push(redriveRecord(letter, order, parts));
    }
    for (let at = 0; at < records.length; at += pace.slice) {
      const slice = records.slice(at, at + pace.slice);
      if (order.dryRun !== true) {
        await pace.take(slice.length);
        await publish(slice);
      }
      counter.sent(slice.length);
      onProgress?.(counter.tally);
    }
    left -= page.length;
    after = page.at(-1)?.place ?? after;
    if (page.length < asked) return { ...counter.tally, next: undefined };
  }
  return { ...counter.tally, next: after };
}

function redriveRecord<Place>(
  { restaurantId, u, tag, redrive: count, traceparent }: Letter<Place>,
  order: RedriveOrder,
  { to, wallClock }: Pick<RedriveParts<Place>, 'to' | 'wallClock'>,
): OutRecord {
  if (restaurantId === null || tag === null)
    throw new Error('a record that is no message cannot be put back');
  const messageId = joinMessageId(u, tag);
  const data: SendRedrive = {
    restaurantId,
    messageId,
    redrive: count,
    requestedBy: order.by,
    ...(order.priority === undefined ? {} : { priority: order.priority }),
  };
  return {
    topic: to.topic,
    partition: partitionFor(restaurantId, to.partitions),
    key: restaurantId,
    value: encodeEvent('mersal.send.redrive.v1', data),
    headers: encodeHeaders({
      id: `${messageId}/${count}/redrive`,
      type: 'mersal.send.redrive.v1',
      source: to.source,
      time: wallClock(),
      subject: restaurantId,
      ...(traceparent === null ? {} : { traceparent }),
      ...(order.operation === undefined ? {} : { operation: order.operation }),
    }),
  };
}
