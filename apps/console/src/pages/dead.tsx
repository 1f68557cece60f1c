import { call, get, withQuery } from '../api.js';
import { count, time } from '../format.js';
import { useLoaded } from '../loading.js';
import { Action, Fault, Table } from '../parts.jsx';
import { link } from '../route.js';
import type { Page } from '../types.js';

const EVERY_MS = 5_000;

interface DeadGroup {
  readonly reason: string;
  readonly code: number | null;
  readonly restaurantId: string | null;
  readonly letters: number;
  readonly newestAt: string;
}

interface DeadLetter {
  readonly id: string;
  readonly restaurantId: string | null;
  readonly reason: string;
  readonly code: number | null;
  readonly deadAt: string;
  /** Why it can't be put back; null: it can. */
  readonly refusal: string | null;
}

interface Tally {
  readonly matched: number;
  readonly sent: number;
  readonly skipped: number;
  readonly next: string | null;
}

/** Puts all of a group back; a request puts 1,000 back at most. */
async function redriveAll(selection: Readonly<Record<string, unknown>>): Promise<string> {
  let [sent, skipped, cursor] = [0, 0, undefined as string | undefined];
  do {
    const tally: Tally = await call<Tally>('POST', '/api/redrives', {
      ...selection,
      ...(cursor === undefined ? {} : { cursor }),
    });
    sent += tally.sent;
    skipped += tally.skipped;
    cursor = tally.next ?? undefined;
  } while (cursor !== undefined);
  return `${sent} put back, ${skipped} left`;
}

/** Dead letters by their cause, and one by one. */
export function DeadPage({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const { restaurantId, code } = query;
  const groups = useLoaded(
    `groups ${restaurantId}`,
    () => get<{ readonly items: readonly DeadGroup[] }>(withQuery('/api/dead/groups', { restaurantId })),
    EVERY_MS,
  );
  const path = withQuery('/api/dead', { restaurantId, code, limit: '50' });
  const letters = useLoaded(path, () => get<Page<DeadLetter>>(path), EVERY_MS);
  const changed = (): void => {
    groups.reload();
    letters.reload();
  };
  return (
    <>
      <h1>Dead letters</h1>
      {(restaurantId ?? code) !== undefined && (
        <p>
          Only <bdi>{[restaurantId, code].filter(Boolean).join(', ')}</bdi>.{' '}
          <a href={link('dead')}>Show all</a>
        </p>
      )}
      <section>
        <h2>By cause</h2>
        <Fault text={groups.error} />
        <Table<DeadGroup>
          rows={groups.data?.items}
          rowKey={(row) => `${row.reason} ${row.code} ${row.restaurantId}`}
          empty="None: nothing was given up."
          columns={[
            { name: 'Reason', cell: (row) => row.reason },
            {
              name: 'Code',
              cell: (row) =>
                row.code === null ? (
                  '–'
                ) : (
                  <a href={link('dead', undefined, { code: String(row.code) })}>{row.code}</a>
                ),
            },
            { name: 'Restaurant', cell: (row) => <bdi>{row.restaurantId ?? '–'}</bdi> },
            { name: 'Messages', number: true, cell: (row) => count(row.letters) },
            { name: 'Newest', cell: (row) => time(row.newestAt) },
            {
              name: 'Put back',
              cell: (row) =>
                row.restaurantId !== null && (
                  <Action
                    label="Redrive"
                    ask={`${row.letters === 1 ? 'One message' : `${row.letters} messages`} of ${row.restaurantId} will be sent again, behind what waits.`}
                    run={async () => {
                      const said = await redriveAll({
                        code: String(row.code ?? row.reason),
                        restaurantId: row.restaurantId,
                      });
                      changed();
                      return said;
                    }}
                  />
                ),
            },
          ]}
        />
      </section>
      <section>
        <h2>The newest</h2>
        <Fault text={letters.error} />
        <Table<DeadLetter>
          rows={letters.data?.items}
          rowKey={(row) => row.id}
          empty="None."
          columns={[
            {
              name: 'Message',
              cell: (row) =>
                row.restaurantId === null ? (
                  <span class="id">{row.id}</span>
                ) : (
                  <a class="id" href={link('messages', row.id, { restaurantId: row.restaurantId })}>
                    {row.id}
                  </a>
                ),
            },
            { name: 'Restaurant', cell: (row) => <bdi>{row.restaurantId ?? '–'}</bdi> },
            { name: 'Reason', cell: (row) => row.reason },
            { name: 'Given up', cell: (row) => time(row.deadAt) },
            {
              name: 'Do',
              cell: (row) => (
                <span class="buttons">
                  {row.refusal === null && (
                    <Action
                      label="Redrive"
                      run={async () => {
                        const { sent } = await call<Tally>('POST', '/api/redrives', { ids: [row.id] });
                        changed();
                        return sent === 1 ? 'put back' : 'left: its state has changed';
                      }}
                    />
                  )}
                  <Action
                    label="Discard"
                    danger
                    ask="It is put away for good; its conversation goes on."
                    run={async () => {
                      await call('DELETE', `/api/dead/${encodeURIComponent(row.id)}`);
                      changed();
                      return undefined;
                    }}
                  />
                </span>
              ),
            },
          ]}
        />
      </section>
    </>
  );
}
