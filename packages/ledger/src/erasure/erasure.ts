import { auditRow } from '../audit/audit.js';
import type { Database, Statement } from '../database.js';
import { hex } from '../messages/admit-sends.js';
import { MESSAGE } from '../states.js';

/** Whose data is to go: what a restaurant sent to one recipient, or all that it sent. */
export interface ErasureScope {
  readonly tenant: number;
  readonly restaurantId: string;
  /** See recipientOf; null: all recipients. */
  readonly recipient: string | null;
}

/** A message that has not ended, or whose end is not published yet. */
export interface LeftMessage {
  readonly u: string;
  readonly tag: string;
}

export interface ErasureTally {
  /** Messages whose detail went, or would go. */
  readonly erased: number;
  /** Messages that have to end first. */
  readonly left: number;
  /** The first of those. */
  readonly examples: readonly LeftMessage[];
  /** Rows looked at. */
  readonly read: number;
  /** Where it goes on, where `most` ended it; null: all was looked at. */
  readonly next: ErasurePlace | null;
}

/** Behind this message of the restaurant, newest first. */
export interface ErasurePlace {
  /** Accepted at, in µs since 1970. */
  readonly at: number;
  readonly u: string;
}

export interface ErasureOptions {
  /** Only counts. */
  readonly dryRun: boolean;
  /** Rows of the restaurant read in one transaction. Default 2,000. */
  readonly batch?: number;
  /** Rows after which it ends, to be gone on with from `next`; a batch more at most. Default: all. */
  readonly most?: number;
  /** Where one before this ended. */
  readonly after?: ErasurePlace | undefined;
  /** Who asks, as audit rows name them. */
  readonly by: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (tally: ErasureTally) => void;
}

const BATCH = 2_000;
const MOST_EXAMPLES = 100;

/**
 * Erases what has ended, as retention does later by itself: bodies, recipients, conversations, attempts, callbacks and events go;
 * the id and the end stay, so that no replay sends the message again. Opt-outs hold: their hash stays, their address goes. May be
 * interrupted and run again: what is erased is not found a second time. The audit trail tells it before anything is erased, and after.
 */
export async function erase(
  database: Database,
  scope: ErasureScope,
  options: ErasureOptions,
): Promise<ErasureTally> {
  const { dryRun, batch = BATCH, most = Number.POSITIVE_INFINITY } = options;
  const examples: LeftMessage[] = [];
  let tally: ErasureTally = { erased: 0, left: 0, examples, read: 0, next: null };
  let place = options.after;
  const tell = async (action: string, detail: Readonly<Record<string, unknown>>): Promise<void> => {
    if (dryRun) return;
    const recipient = scope.recipient ?? 'all';
    await database.run(auditRow(options.by, action, scope.restaurantId, { recipient, ...detail }));
  };
  const tellEnd = (end: 'done' | 'more' | 'interrupted'): Promise<void> =>
    tell('erase', { erased: tally.erased, left: tally.left, end });
  await tell('erase.begin', {});
  try {
    if (!dryRun) await database.run(eraseAddresses(scope));
    for (;;) {
      options.signal?.throwIfAborted();
      const [row] = await database.run(
        dryRun ? countPage(scope, place, batch) : erasePage(scope, place, batch),
      );
      const page = row?.['page'] as Page | undefined;
      if (!page?.place) break;
      place = { at: page.place.at, u: hex(page.place.u) };
      const left = (page.examples ?? []).map(({ u, tag }) => ({ u: hex(u), tag }));
      examples.push(...left.slice(0, MOST_EXAMPLES - examples.length));
      tally = {
        erased: tally.erased + page.erased,
        left: tally.left + page.left,
        examples,
        read: tally.read + page.read,
        next: null,
      };
      options.onProgress?.(tally);
      if (tally.read >= most) {
        tally = { ...tally, next: place };
        break;
      }
    }
  } catch (error) {
    await tellEnd('interrupted');
    throw error;
  }
  await tellEnd(tally.next === null ? 'done' : 'more');
  return tally;
}

interface Page {
  readonly erased: number;
  readonly left: number;
  readonly examples: readonly LeftMessage[] | null;
  readonly read: number;
  readonly place: { readonly at: number; readonly u: string } | null;
}

const instant = "('epoch'::timestamptz + $3::float8 * interval '1 microsecond')";

/**
 * Newest first along the list's index: each row is read once, and what comes meanwhile is not part of it. The function is the
 * owner's: nobody needs the right to delete whatever there is.
 */
function erasePage(scope: ErasureScope, place: ErasurePlace | undefined, most: number): Statement {
  return {
    name: 'erase-page',
    text: `select erase_page($1, $2, ${instant}, $4, $5) as page`,
    values: pageValues(scope, place, most),
  };
}

/** What `erase_page` would erase, by the same rules. */
function countPage(scope: ErasureScope, place: ErasurePlace | undefined, most: number): Statement {
  return {
    name: 'count-erasure',
    text: `
      with page as materialized (
        select tenant, u, accepted_at, recipient, state, queued, erased, tag from message
         where tenant = $1 and ($3::float8 is null or (accepted_at, u) < (${instant}, $4::uuid))
         order by accepted_at desc, u desc limit $5
      ), hit as materialized (
        select p.u, p.tag,
               p.state >= ${MESSAGE.sent} and not (p.state = ${MESSAGE.refused} and p.queued)
                 and not exists (select from outbox o where o.tenant = p.tenant and o.u = p.u) as ended
          from page p where not p.erased and ($2::bytea is null or p.recipient = $2)
      )
      select json_build_object(
        'erased', (select count(*) from hit where ended),
        'left', (select count(*) from hit where not ended),
        'examples', (select json_agg(json_build_object('u', l.u, 'tag', l.tag)) from (
          select u, tag from hit where not ended limit ${MOST_EXAMPLES}) l),
        'read', (select count(*) from page),
        'place', (select json_build_object('at', (extract(epoch from accepted_at) * 1000000)::bigint, 'u', u)
                    from page order by accepted_at, u limit 1)) as page`,
    values: pageValues(scope, place, most),
  };
}

const pageValues = (scope: ErasureScope, place: ErasurePlace | undefined, most: number): unknown[] => [
  scope.tenant,
  scope.recipient === null ? null : Buffer.from(scope.recipient, 'hex'),
  place?.at ?? null,
  place?.u ?? null,
  most,
];

/** A recipient who opted out stays known by the hash of the address: the opt-out holds. */
function eraseAddresses(scope: ErasureScope): Statement {
  return {
    name: 'erase-addresses',
    text: `
      update suppression set address = ''
       where tenant = $1 and ($2::bytea is null or recipient = $2) and address <> ''`,
    values: [scope.tenant, scope.recipient === null ? null : Buffer.from(scope.recipient, 'hex')],
  };
}

/** Whether nothing of the restaurant is sent: it is suspended, or paused by somebody as a whole. */
export async function standsStill(database: Database, tenant: number): Promise<boolean> {
  const [row] = await database.run({
    name: 'stands-still',
    text: `
      select t.status <> 'active' or exists (
               select from pause p where p.scope = 'tenant' and p.tenant = t.id and p.until > clock_timestamp()) as still
        from tenant t where t.id = $1`,
    values: [tenant],
  });
  return row?.['still'] === true;
}
