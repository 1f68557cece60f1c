import { useState } from 'preact/hooks';
import { get, withQuery } from '../api.js';
import { field } from '../form.js';
import { time } from '../format.js';
import { useLoaded } from '../loading.js';
import { Fault, Status, Table } from '../parts.jsx';
import { link } from '../route.js';
import type { Message, Page } from '../types.js';

const STATUSES = [
  'queued',
  'scheduled',
  'sending',
  'retrying',
  'held',
  'unknown',
  'sent',
  'delivered',
  'read',
  'failed',
  'dead',
  'cancelled',
  'expired',
];

/** Messages of a restaurant by what is known of them. A platform key must name the restaurant. */
export function MessagesPage({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const { restaurantId = '', status = '', conversationId = '' } = query;
  const cursor = cursors.at(-1);
  const path = withQuery('/api/messages', { restaurantId, status, conversationId, cursor, limit: '50' });
  const { data, error } = useLoaded(path, () =>
    restaurantId === '' ? Promise.resolve({ items: [], next: null }) : get<Page<Message>>(path),
  );
  const search = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const given = (name: string): string => field(form, name);
    setCursors([]);
    const [id, whose] = [given('id'), given('restaurantId')];
    location.hash =
      id === ''
        ? link('messages', undefined, {
            restaurantId: whose,
            status: given('status'),
            conversationId: given('conversationId'),
          })
        : link('messages', id, { restaurantId: whose });
  };
  return (
    <>
      <h1>Messages</h1>
      <form class="search" onSubmit={search} key={`${restaurantId} ${status} ${conversationId}`}>
        <label>
          Restaurant
          <input name="restaurantId" defaultValue={restaurantId} required dir="auto" />
        </label>
        <label>
          Status
          <select name="status" defaultValue={status}>
            <option value="">any</option>
            {STATUSES.map((one) => (
              <option key={one} value={one} selected={one === status}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <label>
          Conversation
          <input name="conversationId" defaultValue={conversationId} dir="auto" />
        </label>
        <label>
          Message id
          <input name="id" placeholder="opens it at once" />
        </label>
        <button type="submit" class="primary">
          Search
        </button>
      </form>
      <Fault text={error} />
      <Table<Message>
        rows={data?.items}
        rowKey={(row) => row.id}
        empty={restaurantId === '' ? 'Name a restaurant.' : 'No message fits.'}
        columns={[
          {
            name: 'Message',
            cell: (row) => (
              <a class="id" href={link('messages', row.id, { restaurantId: row.restaurantId })}>
                {row.id}
              </a>
            ),
          },
          { name: 'Status', cell: (row) => <Status of={row.status} /> },
          { name: 'Conversation', cell: (row) => <bdi class="id">{row.conversationId ?? '–'}</bdi> },
          { name: 'Accepted', cell: (row) => time(row.acceptedAt) },
          { name: 'Attempts', number: true, cell: (row) => row.attempts.length },
          { name: 'Error', cell: (row) => (row.error ? `${row.error.class} ${row.error.code ?? ''}` : '') },
        ]}
      />
      <div class="buttons">
        <button
          type="button"
          disabled={cursors.length === 0}
          onClick={() => setCursors(cursors.slice(0, -1))}
        >
          Newer
        </button>
        <button
          type="button"
          disabled={!data?.next}
          onClick={() => data?.next && setCursors([...cursors, data.next])}
        >
          Older
        </button>
      </div>
    </>
  );
}
