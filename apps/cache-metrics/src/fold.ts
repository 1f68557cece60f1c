import type { TemplateEvent } from '@mersal/contracts';
import type { PaneCount } from '@mersal/ledger';

export const PANE_MS = 10_000;

/** An event with the time at which Kafka appended it, ms since 1970. */
export interface AppendedEvent {
  readonly event: TemplateEvent;
  readonly appendedAt: number;
}

export interface Folded {
  readonly panes: readonly PaneCount[];
  /** The highest running number seen of each process, of those that occur in the events. */
  readonly producers: ReadonlyMap<string, number>;
  readonly counted: Readonly<Record<TemplateEvent['kind'], number>>;
  /** Events that had been counted already. */
  readonly repeated: number;
}

/**
 * Counts a partition's events, in their order, into panes of event time by key and tenant.
 *
 * A process numbers what it records from 1 and publishes in that order, so that a number not above the highest seen is
 * a repeat: a publish whose acknowledgement was lost. An event from the future counts at its append time: that its
 * recorder's clock is ahead must not put it into a pane nobody looks at yet.
 */
export function foldEvents(events: readonly AppendedEvent[], highest: ReadonlyMap<string, number>): Folded {
  const panes = new Map<string, { -readonly [K in keyof PaneCount]: PaneCount[K] }>();
  const producers = new Map<string, number>();
  const counted = { hit: 0, miss: 0, creation: 0 };
  let repeated = 0;
  for (const { event, appendedAt } of events) {
    const before = producers.get(event.producer) ?? highest.get(event.producer) ?? -1;
    if (event.sequence <= before) {
      repeated += 1;
      continue;
    }
    producers.set(event.producer, event.sequence);
    const pane = paneOf(Math.min(event.at, appendedAt));
    const id = JSON.stringify([event.key, event.tenant, pane]);
    let count = panes.get(id);
    if (!count) {
      count = { key: event.key, tenant: event.tenant, pane, hits: 0, misses: 0, creations: 0 };
      panes.set(id, count);
    }
    counted[event.kind] += 1;
    count[COLUMN[event.kind]] += 1;
  }
  return { panes: [...panes.values()], producers, counted, repeated };
}

/** The start of the pane that holds this time. */
export function paneOf(ms: number): number {
  return Math.floor(ms / PANE_MS) * PANE_MS;
}

const COLUMN = { hit: 'hits', miss: 'misses', creation: 'creations' } as const;
