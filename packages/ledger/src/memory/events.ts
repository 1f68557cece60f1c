import type { EventFeed, EventPlace, MessageEvent } from '../events/message-events.js';
import type { EventRow, OutboxRow, Tables } from './tables.js';

const identity = ({ tenant, u, redrive, attempt, state }: OutboxRow): string =>
  [tenant, u, redrive, attempt, state].join('/');

/** Published rows leave the outbox and stay as events, each step once. */
export function forgetPublished(tables: Tables, numbers: readonly string[]): void {
  const gone = new Set(numbers);
  const published = tables.outbox.filter((row) => gone.has(String(row.n)));
  tables.outbox = tables.outbox.filter((row) => !gone.has(String(row.n)));
  for (const row of published.toSorted((a, b) => a.n - b.n)) {
    const id = identity(row);
    if (!tables.events.has(id)) tables.events.set(id, { ...row, place: tables.nextNumber() });
  }
}

export function readEvents(tables: Tables, feeds: readonly EventFeed[], most: number): MessageEvent[][] {
  return feeds.map(({ tenant, u, after }) =>
    [...tables.events.values()]
      .filter((row) => row.tenant === tenant && (u === null || row.u === u) && row.place > Number(after))
      .flatMap((row) => toEvent(tables, row))
      .slice(0, most),
  );
}

function toEvent(tables: Tables, row: EventRow): MessageEvent[] {
  const message = tables.message(row.tenant, row.u);
  if (!message) return [];
  return [
    {
      n: String(row.place),
      outbox: String(row.n),
      u: row.u,
      tag: message.tag,
      conversation: message.conversation,
      redrive: row.redrive,
      attempt: row.attempt,
      state: row.state,
      at: Math.round(row.at),
      detail: row.detail,
    },
  ];
}

/** With `u`: what of the message is still in the outbox counts as pending. */
export function eventPlace(tables: Tables, tenant: number, u: string | null): EventPlace {
  const last = [...tables.events.values()]
    .filter((row) => row.tenant === tenant)
    .reduce((most, { place }) => Math.max(most, place), 0);
  const pending = tables.outbox
    .filter((row) => row.tenant === tenant && row.u === u)
    .reduce((most, { n }) => Math.max(most, n), 0);
  return { last: String(last), pending: String(pending) };
}

export function hasEvent(tables: Tables, tenant: number, n: string): boolean {
  return [...tables.events.values()].some((row) => row.tenant === tenant && String(row.place) === n);
}
