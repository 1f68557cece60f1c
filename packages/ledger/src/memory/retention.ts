import type { Retention } from '../messages/retention.js';
import { MESSAGE } from '../states.js';
import { key, type Tables } from './tables.js';

/** Final messages lose their bodies after a time, and their ids after a longer one. Returns how many it touched. */
export function prune(tables: Tables, retention: Retention, most: number): number {
  const now = tables.clock();
  const older = (row: { changedAt: number }, ms: number): boolean => row.changedAt < now - ms;
  const erased = [...tables.messages.values()]
    .filter((row) => row.state >= MESSAGE.sent && !row.erased && older(row, retention.detailMs))
    .slice(0, most);
  for (const row of erased) {
    const id = key(row.tenant, row.u);
    tables.messages.set(id, { ...row, erased: true, conversation: '', sender: '', recipient: '' });
    tables.bodies.delete(id);
    tables.attempts.delete(id);
    tables.callbacks.delete(id);
    for (const [name, event] of tables.events)
      if (event.tenant === row.tenant && event.u === row.u) tables.events.delete(name);
  }
  const forgotten = [...tables.messages]
    .filter(([, row]) => row.erased && older(row, retention.idMs))
    .slice(0, most);
  for (const [id] of forgotten) tables.messages.delete(id);
  const unfiled = [...tables.unfiled.values()]
    .filter((row) => row.filedAt < now - retention.detailMs)
    .slice(0, most);
  for (const { u } of unfiled) tables.unfiled.delete(u);
  return erased.length + forgotten.length + unfiled.length;
}
