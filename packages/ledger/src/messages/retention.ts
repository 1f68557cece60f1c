import type { Statement } from '../database.js';
import { MESSAGE } from '../states.js';

export interface Retention {
  /** Bodies, attempts, callbacks and events of final messages older than this go, in ms. */
  readonly detailMs: number;
  /**
   * Their ids go too after this, in ms. It must be longer than any topic keeps its records: an id that is forgotten earlier
   * would be sent again by a replay.
   */
  readonly idMs: number;
}

/** Erases the messages of `d (tenant, u)`; those that it erased are in `m`. What stays of them is their id and their end. As `erase_page`. */
const ERASE = `
  m as (
    update message x set erased = true, conversation = '', recipient = '\\x', sender = '', body_hash = x.body_hash
      from d where x.tenant = d.tenant and x.u = d.u
    returning x.tenant, x.u
  ), b as (
    delete from body b using m where b.tenant = m.tenant and b.u = m.u
  ), a as (
    delete from attempt a using m where a.tenant = m.tenant and a.u = m.u
  ), c as (
    delete from callback c using m where c.tenant = m.tenant and c.u = m.u
  ), e as (
    delete from message_event e using m where e.tenant = m.tenant and e.u = m.u
  )`;

/** `most` messages at a time, the oldest first. */
export function eraseDetail(retention: Retention, most: number): Statement {
  return {
    name: 'erase-detail',
    text: `
      with d as (
        select tenant, u from message
         where changed_at < clock_timestamp() - $1 * interval '1 ms' and state >= ${MESSAGE.sent} and not erased
         order by changed_at limit $2 for no key update skip locked
      ), ${ERASE}
      select count(*)::int as n from m`,
    values: [retention.detailMs, most],
  };
}

export function forgetIds(retention: Retention, most: number): Statement {
  return {
    name: 'forget-ids',
    text: `
      with m as (
        delete from message x using (
          select tenant, u from message
           where changed_at < clock_timestamp() - $1 * interval '1 ms' and erased
           order by changed_at limit $2 for update skip locked) d
         where x.tenant = d.tenant and x.u = d.u
        returning 1)
      select count(*)::int as n from m`,
    values: [retention.idMs, most],
  };
}
