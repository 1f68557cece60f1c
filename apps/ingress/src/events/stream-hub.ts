import type { Ledger, MessageEvent } from '@mersal/ledger';
import type { Logger, Metrics } from '@mersal/telemetry';
import { eventText, HEARTBEAT, outcomeBody, type Told } from './event-text.js';

/** Where a stream is written to. */
export interface Sink {
  /** False: the reader is behind; `ready` tells when it has caught up. */
  write(text: string): boolean;
  ready(then: () => void): void;
  end(): void;
}

export interface Stream {
  readonly keyId: string;
  readonly tenant: number;
  readonly restaurantId: string;
  /** One message's, or with null all of the restaurant's. */
  readonly u: string | null;
  readonly sink: Sink;
  /** What its reader knows already. */
  told: Told;
}

export interface StreamHubOptions {
  readonly ledger: Pick<Ledger, 'readEvents'>;
  /** Those of the keys that still are valid. */
  readonly validKeys: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  /** Most streams at once, in all and of one key. */
  readonly most: number;
  readonly mostOfKey: number;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Pick<Metrics, 'count' | 'gauge'>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

type End = 'key' | 'slow' | 'store' | 'drain';

interface Open extends Stream {
  readonly openedAt: number;
  blockedAt: number | undefined;
  heardAt: number;
}

export const POLL_MS = 200;
const BATCH = 100;
const CHECK_KEYS_EVERY_MS = 2_000;
/** Streams of keys that could not be checked for this long end, in ms. */
const UNCHECKED_MS = 5_000;
const HEARTBEAT_EVERY_MS = 15_000;
/** A reader that takes nothing for this long is ended, in ms; it comes back where it was. */
const SLOW_MS = 10_000;

/*
 * All event streams of this process, fed from the ledger by one question at a time:
 *
 *   open ─► fed ─► its reader is behind ─► waits: nothing is read for it ─► drained ─► fed
 *                                              └ for 10 s ─► ended
 *          key revoked, keys can not be checked, the service drains ─► ended
 *
 * A stream's memory is what its socket holds: at most one batch more than the socket's own limit.
 */
export class StreamHub {
  readonly #options: StreamHubOptions;
  readonly #streams = new Set<Open>();
  #timer: NodeJS.Timeout | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #closed = false;
  #failing = false;

  constructor(options: StreamHubOptions) {
    this.#options = options;
    options.metrics.gauge('mersal_event_streams', () => this.#streams.size);
  }

  /** Why no further stream of this key can be opened now; undefined: one can. */
  refusal(keyId: string): 'too_many_of_key' | 'too_many' | 'draining' | undefined {
    if (this.#closed) return 'draining';
    if (this.#streams.size >= this.#options.most) return 'too_many';
    let ofKey = 0;
    for (const stream of this.#streams) if (stream.keyId === keyId) ofKey += 1;
    return ofKey >= this.#options.mostOfKey ? 'too_many_of_key' : undefined;
  }

  /** Feeds the stream until it is ended, or removed by what is returned. Its key was just found valid. */
  open(stream: Stream): () => void {
    const now = this.#options.now();
    const opened: Open = { ...stream, openedAt: now, blockedAt: undefined, heardAt: now };
    // Others may have been opened since this one was allowed.
    if (this.refusal(stream.keyId) !== undefined) {
      stream.sink.end();
      return () => undefined;
    }
    if (this.#streams.size === 0) this.#checkedAt = now;
    this.#streams.add(opened);
    this.#timer ??= setTimeout(() => void this.#turn(), 0);
    return () => this.#streams.delete(opened);
  }

  /** Ends all streams; their readers come back, to another instance. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const stream of this.#streams) this.#end(stream, 'drain');
  }

  async #turn(): Promise<void> {
    let more = false;
    try {
      await this.#checkKeys();
      this.#endSlow();
      more = await this.#feed();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.logger.warn({ err: error }, 'event streams can not be fed');
      this.#failing = true;
    }
    this.#endUnchecked();
    this.#timer = undefined;
    if (this.#streams.size > 0 && !this.#closed)
      this.#timer = setTimeout(() => void this.#turn(), more ? 0 : POLL_MS);
  }

  /** Reads once for all streams that stand at the same place. True when there may be more. */
  async #feed(): Promise<boolean> {
    const places = new Map<string, Open[]>();
    for (const stream of this.#streams) {
      if (stream.blockedAt !== undefined) continue;
      const place = `${stream.tenant}/${stream.u ?? ''}/${stream.told.after}`;
      places.set(place, [...(places.get(place) ?? []), stream]);
    }
    const groups = [...places.values()];
    const feeds = groups.flatMap(([first]) =>
      first === undefined ? [] : [{ tenant: first.tenant, u: first.u, after: first.told.after }],
    );
    const events = await this.#options.ledger.readEvents(feeds, BATCH);
    for (const [n, group] of groups.entries())
      for (const stream of group) this.#deliver(stream, events[n] ?? []);
    return events.some((found) => found.length === BATCH);
  }

  #deliver(stream: Open, events: readonly MessageEvent[]): void {
    if (!this.#streams.has(stream)) return;
    const now = this.#options.now();
    let text = '';
    for (const event of events) {
      stream.told = { ...stream.told, after: event.n };
      if (BigInt(event.outbox) > BigInt(stream.told.pending))
        text += eventText('outcome', stream.told, outcomeBody(stream.restaurantId, event));
    }
    if (text === '' && now - stream.heardAt >= HEARTBEAT_EVERY_MS) text = HEARTBEAT;
    if (text === '') return;
    stream.heardAt = now;
    if (stream.sink.write(text)) return;
    stream.blockedAt = now;
    stream.sink.ready(() => {
      stream.blockedAt = undefined;
    });
  }

  async #checkKeys(): Promise<void> {
    const { now, validKeys } = this.#options;
    const at = now();
    if (at - this.#checkedAt < CHECK_KEYS_EVERY_MS) return;
    const valid = await validKeys([...new Set([...this.#streams].map(({ keyId }) => keyId))]);
    // The age counts from before the question. Those that came meanwhile were checked as they came.
    const asked = [...this.#streams].filter(({ openedAt }) => openedAt <= at);
    this.#checkedAt = at;
    for (const stream of asked) if (!valid.has(stream.keyId)) this.#end(stream, 'key');
  }

  #endSlow(): void {
    const now = this.#options.now();
    for (const stream of this.#streams)
      if (stream.blockedAt !== undefined && now - stream.blockedAt >= SLOW_MS) this.#end(stream, 'slow');
  }

  #endUnchecked(): void {
    if (this.#options.now() - this.#checkedAt <= UNCHECKED_MS) return;
    for (const stream of this.#streams) this.#end(stream, 'store');
  }

  #end(stream: Open, reason: End): void {
    this.#streams.delete(stream);
    this.#options.metrics.count('mersal_event_streams_ended', { reason });
    stream.sink.end();
  }
}
