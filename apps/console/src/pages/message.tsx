import { call, get, withQuery } from '../api.js';
import { time } from '../format.js';
import { useLoaded } from '../loading.js';
import { Action, Fault, Status, Table } from '../parts.jsx';
import type { Message } from '../types.js';

const EVERY_MS = 2_000;
const CANCELLABLE = new Set(['queued', 'scheduled', 'retrying', 'held']);

/** One message's story. */
export function MessagePage({
  id,
  restaurantId,
}: {
  readonly id: string;
  readonly restaurantId: string | undefined;
}) {
  const path = withQuery(`/api/messages/${encodeURIComponent(id)}`, { restaurantId });
  const { data, error, reload } = useLoaded(path, () => get<Message>(path), EVERY_MS);
  const traces = useLoaded('traces', () => get<{ readonly traceUrl: string | null }>('/console/session'));
  if (!data) return error === undefined ? <p class="muted">Loading…</p> : <Fault text={error} />;
  const trace =
    traces.data?.traceUrl && data.traceId
      ? traces.data.traceUrl.replace('{traceId}', data.traceId)
      : undefined;
  return (
    <>
      <h1 class="id">{data.id}</h1>
      <Fault text={error} />
      <p>
        <Status of={data.status} />{' '}
        {CANCELLABLE.has(data.status) && (
          <Action
            label="Cancel"
            danger
            ask="It will not be sent. This can't be taken back."
            run={async () => {
              await call('DELETE', path);
              reload();
              return 'cancelled';
            }}
          />
        )}
      </p>
      <dl>
        <dt>Restaurant</dt>
        <dd dir="auto">{data.restaurantId}</dd>
        <dt>Conversation</dt>
        <dd>
          <bdi class="id">{data.conversationId ?? '–'}</bdi>
        </dd>
        <dt>Priority</dt>
        <dd>{data.priority ?? '–'}</dd>
        <dt>At the provider</dt>
        <dd class="id">{data.sid ?? '–'}</dd>
        <dt>Error</dt>
        <dd>{data.error ? `${data.error.class} ${data.error.code ?? ''}` : '–'}</dd>
        <dt>Put back</dt>
        <dd>{data.redrives} times</dd>
        <dt>Trace</dt>
        <dd class="id">{trace ? <a href={trace}>{data.traceId}</a> : (data.traceId ?? '–')}</dd>
        {data.metadata && (
          <>
            <dt>Metadata</dt>
            <dd>
              <pre dir="auto">{JSON.stringify(data.metadata, null, 2)}</pre>
            </dd>
          </>
        )}
      </dl>
      <h2>What happened</h2>
      <ol class="timeline">
        {(data.timeline ?? []).map((entry, n) => (
          <li key={n}>
            <time dateTime={entry.at}>{time(entry.at)}</time> <strong>{entry.event}</strong>
            {entry.attempt === undefined ? '' : `, attempt ${entry.attempt}`}
            {entry.outcome === undefined ? '' : `: ${entry.outcome}`}
            {entry.code === undefined ? '' : ` (${entry.code})`}
          </li>
        ))}
      </ol>
      <h2>Attempts</h2>
      <Table
        rows={data.attempts}
        rowKey={(row) => String(row.attempt)}
        empty="None was made yet."
        columns={[
          { name: 'Attempt', number: true, cell: (row) => row.attempt },
          { name: 'Began', cell: (row) => time(row.startedAt) },
          { name: 'Outcome', cell: (row) => row.outcome },
          { name: 'HTTP', number: true, cell: (row) => row.httpStatus ?? '–' },
          { name: 'Code', number: true, cell: (row) => row.code ?? '–' },
        ]}
      />
    </>
  );
}
