import { mergeSketches, SKETCH_SIZE, sketchValue, type TemplateEvent } from '@mersal/contracts';
import { OTHER_KEYS } from '../metrics/counts.js';
import type { EventShape, RecordedEvent } from './recorded-event.js';

/** What events leave that lost their detail. */
export type EventSummary = Omit<TemplateEvent, 'producer' | 'sequence'>;

const PANE_MS = 10_000;
const MOST = 1_000;

interface Growing {
  readonly event: RecordedEvent;
  count: number;
  values: Set<number>;
}

/**
 * Counts of events that lost their detail, by key, tenant, kind, reason and pane, with the distinct hashes of misses. Bounded: past
 * `MOST` they are told by no pane any more, and where that is not enough, new keys together. No count is ever lost.
 */
export class EventSummaries {
  readonly #most: number;
  /** Where the events of a shape went last: most of those that follow are alike, of the same pane, and add nothing but their number. */
  readonly #lately = new Map<EventShape, { readonly pane: number; readonly summary: Growing }>();
  #summaries = new Map<string, Growing>();
  #byPane = true;
  #events = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  /** Events in them. */
  get events(): number {
    return this.#events;
  }

  add(shape: EventShape, at: number): void {
    this.#events += 1;
    const pane = this.#paneOf(at);
    const lately = this.#lately.get(shape);
    if (lately?.pane === pane) {
      lately.summary.count += 1;
      return;
    }
    const summary = this.#merge({ ...shape, at }, 1, shape.kind === 'miss' ? [sketchValue(shape.hash)] : []);
    if (this.#lately.size >= this.#most) this.#lately.clear();
    this.#lately.set(shape, { pane, summary });
    if (this.#summaries.size <= this.#most || !this.#byPane) return;
    this.#byPane = false;
    this.#lately.clear();
    const before = this.#summaries;
    this.#summaries = new Map();
    for (const { event: one, count, values } of before.values()) this.#merge(one, count, [...values]);
  }

  /** Takes at most `n` of them out. */
  take(n: number): EventSummary[] {
    const taken: EventSummary[] = [];
    this.#lately.clear();
    for (const [id, { event, count, values }] of this.#summaries) {
      if (taken.length >= n) break;
      this.#summaries.delete(id);
      this.#events -= count;
      taken.push({
        ...event,
        count,
        ...(event.kind === 'miss' ? { hashes: [...mergeSketches([[...values], []])] } : {}),
      });
    }
    if (this.#summaries.size === 0) this.#byPane = true;
    return taken;
  }

  #merge(event: RecordedEvent, count: number, values: readonly number[]): Growing {
    let found = this.#find(event, event.key);
    if (!found && this.#summaries.size >= this.#most && !this.#byPane) found = this.#find(event, OTHER_KEYS);
    if (!found) {
      const crowded = this.#summaries.size >= this.#most && !this.#byPane;
      // The SID and the source say nothing of several events.
      const { kind, hash, at, reason } = event;
      const key = crowded ? OTHER_KEYS : event.key;
      const tenant = crowded ? OTHER_KEYS : event.tenant;
      const kept: RecordedEvent = {
        kind,
        key,
        hash,
        tenant,
        at,
        ...(reason === undefined || crowded ? {} : { reason }),
      };
      found = { event: kept, count: 0, values: new Set() };
      this.#summaries.set(this.#idOf(kept, key), found);
    }
    found.count += count;
    for (const value of values) found.values.add(value);
    if (found.values.size >= 2 * SKETCH_SIZE) found.values = new Set(mergeSketches([[...found.values], []]));
    return found;
  }

  #find(event: RecordedEvent, key: string): Growing | undefined {
    return this.#summaries.get(this.#idOf(event, key));
  }

  #paneOf(at: number): number {
    return this.#byPane ? Math.floor(at / PANE_MS) : 0;
  }

  #idOf({ kind, tenant, reason = '', at }: RecordedEvent, key: string): string {
    if (key === OTHER_KEYS) return `${kind}|${OTHER_KEYS}`;
    return `${kind}|${this.#paneOf(at)}|${key.length}|${tenant.length}|${key}${tenant}${reason}`;
  }
}
