import { call, get, withQuery } from '../api.js';
import { field } from '../form.js';
import { duration, time } from '../format.js';
import type { LiveState } from '../live.js';
import { useLoaded } from '../loading.js';
import { Action, Fault, Status, Table } from '../parts.jsx';
import { link } from '../route.js';
import type { Page, Pause, UnknownEntry } from '../types.js';

const EVERY_MS = 3_000;
const SHOWN = 100;

/** What waits for somebody: outcomes to decide on, suspended restaurants, pauses. */
export function TroublePage({ live }: { readonly live: LiveState }) {
  const unknown = useLoaded(
    'unknown',
    () => get<Page<UnknownEntry>>(`/api/unknown?limit=${SHOWN}`),
    EVERY_MS,
  );
  const pauses = useLoaded(
    'pauses',
    () => get<{ readonly items: readonly Pause[] }>('/api/pauses'),
    EVERY_MS,
  );
  const suspended = live.now?.restaurants.filter(({ status }) => status === 'suspended');
  const decide = async (entry: UnknownEntry, decision: string): Promise<string> => {
    const sid = decision === 'sent' ? prompt("The provider's id of the message, SM…, if you have it") : null;
    await call('POST', `/api/unknown/${encodeURIComponent(entry.id)}/resolve`, {
      decision,
      ...(sid ? { sid } : {}),
    });
    unknown.reload();
    return 'done';
  };
  return (
    <>
      <h1>Trouble</h1>
      <section>
        <h2>Outcomes that are not known</h2>
        <p class="muted">
          The provider gave no answer. Those marked “to decide” could not be found out: look for them in the
          provider’s console.
        </p>
        <Fault text={unknown.error} />
        <Table<UnknownEntry>
          rows={unknown.data?.items}
          rowKey={(row) => row.id}
          empty="None."
          columns={[
            {
              name: 'Message',
              cell: (row) => (
                <a class="id" href={link('messages', row.id, { restaurantId: row.restaurantId })}>
                  {row.id}
                </a>
              ),
            },
            { name: 'Restaurant', cell: (row) => <bdi>{row.restaurantId}</bdi> },
            { name: 'Sent at', cell: (row) => time(row.startedAt) },
            { name: 'For', number: true, cell: (row) => duration(Date.now() - Date.parse(row.since)) },
            { name: 'State', cell: (row) => <Status of={row.undecided ? 'to decide' : 'unknown'} /> },
            {
              name: 'Decide',
              cell: (row) => (
                <span class="buttons">
                  <Action label="It was sent" run={() => decide(row, 'sent')} />
                  <Action
                    label="Send again"
                    ask="If the provider has it after all, the recipient gets it twice."
                    run={() => decide(row, 'not_sent')}
                  />
                  <Action label="Give up" danger ask="It will not be sent." run={() => decide(row, 'dead')} />
                </span>
              ),
            },
          ]}
        />
        {typeof unknown.data?.next === 'string' && (
          <p class="muted">
            There are more than these {SHOWN}: the next ones come as these are decided, and{' '}
            <code>mersal unknown list</code> tells all of them.
          </p>
        )}
      </section>
      <section>
        <h2>Suspended restaurants</h2>
        <p class="muted">Their account or token was refused. Everything of theirs waits until it changes.</p>
        <Table
          rows={suspended}
          rowKey={(row) => row.restaurantId}
          empty="None."
          columns={[
            { name: 'Restaurant', cell: (row) => <bdi>{row.restaurantId}</bdi> },
            { name: 'Why', cell: (row) => <span dir="auto">{row.statusReason ?? '–'}</span> },
            { name: 'Conversations waiting', number: true, cell: (row) => row.conversations },
          ]}
        />
      </section>
      <section>
        <h2>Pauses</h2>
        <Fault text={pauses.error} />
        <Table<Pause>
          rows={pauses.data?.items}
          rowKey={(row) => `${row.scope} ${row.restaurantId} ${row.number}`}
          empty="Nothing is paused."
          columns={[
            { name: 'What', cell: (row) => <bdi>{row.number ?? row.restaurantId ?? 'everything'}</bdi> },
            { name: 'Until', cell: (row) => (row.until === null ? 'lifted' : time(row.until)) },
            { name: 'By', cell: (row) => row.by },
            { name: 'Why', cell: (row) => <span dir="auto">{row.reason}</span> },
            {
              name: 'Go on',
              cell: (row) => (
                <Action
                  label="Lift"
                  run={async () => {
                    const { scope, restaurantId, number } = row;
                    const whose = {
                      scope,
                      restaurantId: restaurantId ?? undefined,
                      number: number ?? undefined,
                    };
                    await call('DELETE', withQuery('/api/pauses', whose));
                    pauses.reload();
                    return 'lifted';
                  }}
                />
              ),
            },
          ]}
        />
        <PauseForm onDone={pauses.reload} />
      </section>
    </>
  );
}

function PauseForm({ onDone }: { readonly onDone: () => void }) {
  return (
    <form class="search" id="pause" onSubmit={(event) => event.preventDefault()}>
      <label>
        Restaurant
        <input name="restaurantId" placeholder="empty: everything" dir="auto" />
      </label>
      <label>
        Why
        <input name="reason" required dir="auto" />
      </label>
      <Action
        label="Pause"
        danger
        ask="Nothing of it is sent until it is lifted."
        run={async () => {
          const form = new FormData(document.querySelector<HTMLFormElement>('#pause') ?? undefined);
          const restaurantId = field(form, 'restaurantId');
          const reason = field(form, 'reason');
          await call('POST', '/api/pauses', {
            reason,
            ...(restaurantId === '' ? { scope: 'all' } : { scope: 'tenant', restaurantId }),
          });
          onDone();
          return 'paused';
        }}
      />
    </form>
  );
}
