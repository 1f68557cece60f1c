import type { Statement } from '../database.js';
import type { Ownership, TopicRole } from './ownership.js';

/*
 * Records that kill their reader (hard to name beforehand: memory, a loop without end, a crash of native code)
 *
 *   an owner died ─► the next one reads with care: it notes each range before it decodes it ─► admitted: the note goes
 *                     └ died again ─► noted twice ─► noted the third time: record by record, each behind a note of its own
 *                                                      └ a single record noted thrice ─► to the dead letters as it was
 *
 * An owner that took over in order writes no notes: they would cost every batch a commit. A process counts once, however often it
 * notes: it reads a range again where Postgres did not answer, and lives.
 */
export function noteRange(
  own: Ownership,
  topic: TopicRole,
  first: bigint,
  single: boolean,
  reader: string,
): Statement {
  return {
    name: 'note-range',
    text: `
      insert into range_note as r (partition, topic, first_offset, single, readers)
      select w.partition, $2, $3::bigint, $4, array[$7::text] from owner w
       where w.partition = $1 and w.epoch = $5 and exists (select from installation where incarnation = $6)
      on conflict (partition, topic, first_offset, single) do update
         set tries = r.tries + (not r.readers @> excluded.readers)::int,
             readers = case when r.readers @> excluded.readers then r.readers else r.readers || excluded.readers end,
             noted_at = clock_timestamp()
      returning tries`,
    values: [own.partition, topic, String(first), single, own.epoch, own.incarnation, reader],
  };
}

/** Part of an admission: what lies before `next` is read. */
export function forgetNotes(own: Ownership, topic: TopicRole, next: bigint): Statement {
  return {
    name: 'forget-notes',
    text: 'delete from range_note where partition = $1 and topic = $2 and first_offset < $3::bigint',
    values: [own.partition, topic, String(next)],
  };
}
