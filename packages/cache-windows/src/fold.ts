import { type HashSketch, mergeSketches, sketchValue, type TemplateEvent } from '@mersal/contracts';
import {
  type KeyTotal,
  LATENESS_MS,
  MISS_REASONS,
  type MissPane,
  type MissReason,
  PANE_MS,
  type Pane,
  paneOf,
} from './panes.js';

/** An event with the time at which Kafka appended it, ms since 1970. */
export interface AppendedEvent {
  readonly event: TemplateEvent;
  readonly appendedAt: number;
}

export interface Folded {
  readonly panes: readonly Pane[];
  readonly misses: readonly MissPane[];
  readonly totals: readonly KeyTotal[];
  /** The highest running number seen of each process, of those that occur in the events. */
  readonly producers: ReadonlyMap<string, number>;
  readonly counted: Readonly<Record<TemplateEvent['kind'], number>>;
  readonly late: number;
  /** Records that had been counted already. */
  readonly repeated: number;
}

type Growing<T> = { -readonly [K in keyof T]: T[K] };
type GrowingMisses = Omit<Growing<MissPane>, 'hashes'> & {
  readonly values: Set<number>;
  readonly sketches: HashSketch[];
};

/**
 * Counts a partition's events, in their order, into panes of event time by key and tenant.
 *
 * A process numbers what it publishes from 1, in that order, so that a number not above the highest seen is a repeat: a publish whose
 * acknowledgement was lost. An event from the future counts at its append time: that its recorder's clock is ahead must not put it
 * into a pane nobody looks at yet. One that was appended too late for its pane counts in the totals, and is shown where it came.
 */
export function foldEvents(events: readonly AppendedEvent[], highest: ReadonlyMap<string, number>): Folded {
  const panes = new Map<string, Growing<Pane>>();
  const misses = new Map<string, GrowingMisses>();
  const totals = new Map<string, Growing<KeyTotal>>();
  const producers = new Map<string, number>();
  const values = new Map<string, number>();
  const counted = { hit: 0, miss: 0, creation: 0 };
  let late = 0;
  let repeated = 0;

  const valueOf = (hash: string): number => {
    let value = values.get(hash);
    if (value === undefined) values.set(hash, (value = sketchValue(hash)));
    return value;
  };
  const paneFor = (key: string, tenant: string, at: number): Growing<Pane> => {
    const pane = paneOf(at);
    // A tenant holds no line break, and the number is one word: the key may hold anything.
    const id = `${pane}\n${tenant.length}\n${tenant}${key}`;
    let found = panes.get(id);
    if (!found) panes.set(id, (found = { key, tenant, pane, hits: 0, misses: 0, creations: 0, late: 0 }));
    return found;
  };

  for (const { event, appendedAt } of events) {
    const { key, tenant, kind, count = 1 } = event;
    const before = producers.get(event.producer) ?? highest.get(event.producer) ?? -1;
    if (event.sequence <= before) {
      repeated += 1;
      continue;
    }
    producers.set(event.producer, event.sequence);
    const column = COLUMN[kind];
    counted[kind] += count;

    const at = Math.min(event.at, appendedAt);
    let total = totals.get(key);
    if (!total) totals.set(key, (total = { key, hits: 0, misses: 0, creations: 0, late: 0, firstAt: null }));
    total[column] += count;

    if (appendedAt > paneOf(at) + PANE_MS + LATENESS_MS) {
      late += count;
      total.late += count;
      paneFor(key, tenant, appendedAt).late += count;
      continue;
    }
    const pane = paneFor(key, tenant, at);
    pane[column] += count;
    total.firstAt = Math.min(total.firstAt ?? at, at);
    if (kind !== 'miss') continue;
    const reason = reasonOf(event.reason);
    const id = `${reason}\n${pane.pane}\n${tenant.length}\n${tenant}${key}`;
    let miss = misses.get(id);
    if (!miss) {
      miss = { key, tenant, pane: pane.pane, reason, misses: 0, values: new Set(), sketches: [] };
      misses.set(id, miss);
    }
    miss.misses += count;
    if (event.hashes === undefined) miss.values.add(valueOf(event.hash));
    else miss.sketches.push(event.hashes);
  }
  return {
    panes: [...panes.values()],
    misses: [...misses.values()].map(({ values: own, sketches, ...miss }) => ({
      ...miss,
      hashes: mergeSketches([[...own], ...sketches]),
    })),
    totals: [...totals.values()],
    producers,
    counted,
    late,
    repeated,
  };
}

const COLUMN = { hit: 'hits', miss: 'misses', creation: 'creations' } as const;
const KNOWN = new Set<string>(MISS_REASONS);

function reasonOf(text: string | undefined): MissReason {
  return text !== undefined && KNOWN.has(text) ? (text as MissReason) : 'other';
}
