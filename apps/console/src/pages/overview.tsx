import { Chart } from '../chart.jsx';
import { count, duration } from '../format.js';
import type { LiveState } from '../live.js';
import { Fault, Status, Table, Tile } from '../parts.jsx';
import { link } from '../route.js';
import type { Latency, OpenBreaker, Quantiles, RestaurantLoad } from '../types.js';

/** A head that waits this long is not a burst any more, in ms. */
const LONG_MS = 60_000;

export function OverviewPage({ live }: { readonly live: LiveState }) {
  const { now, history } = live;
  if (!now)
    return live.connected ? <p class="muted">Loading…</p> : <Fault text="No connection to the service." />;
  const { queue, rate } = now;
  const perSecond = history.at(-1)?.perSecond ?? 0;
  const limit = rate.perSecond === null ? '' : ` of ${rate.perSecond}`;
  return (
    <>
      <h1>Overview</h1>
      <section class="tiles" aria-label="The queue">
        <Tile label="Sent a second" value={`${perSecond.toFixed(0)}${limit}`} />
        <Tile label="Waiting" value={count(queue.waiting)} />
        <Tile
          label="Oldest waits"
          value={duration(now.oldestHeadMs)}
          tone={(now.oldestHeadMs ?? 0) > LONG_MS ? 'bad' : undefined}
        />
        <Tile label="Under way" value={count(queue.active)} />
        <Tile label="Delayed" value={count(queue.delayed)} />
        <Tile label="Completed" value={count(queue.completed)} />
        <Tile
          label="Dead"
          value={count(queue.dead)}
          tone={queue.dead > 0 ? 'warn' : undefined}
          href={link('dead')}
        />
        <Tile
          label="To decide"
          value={count(queue.undecided)}
          tone={queue.undecided > 0 ? 'bad' : undefined}
          href={link('trouble')}
        />
        <Tile
          label="Rate kept"
          value={rate.mode === 'shares' ? 'in shares' : 'by Redis'}
          tone={rate.mode === 'shares' ? 'warn' : undefined}
        />
      </section>
      <section aria-label="The last minutes">
        {history.length < 2 ? (
          <p class="muted">The chart begins in a moment…</p>
        ) : (
          <Chart
            label={`Sent a second, now ${perSecond.toFixed(0)}; waiting, now ${queue.waiting}`}
            at={history.map(({ at }) => at)}
            lines={[
              { label: 'sent a second', color: '#0d9488', values: history.map((one) => one.perSecond) },
              {
                label: 'waiting',
                color: '#d97706',
                scale: 'waiting',
                values: history.map((one) => one.waiting),
              },
            ]}
          />
        )}
      </section>
      <LatencyTable of={now.latency} />
      <section>
        <h2>Breakers that are not closed</h2>
        <Table<OpenBreaker>
          rows={now.breakers}
          rowKey={(row) => `${row.accountSid}/${row.state}`}
          empty="None: the provider answers."
          columns={[
            { name: 'Of', cell: (row) => row.accountSid ?? 'the provider' },
            { name: 'State', cell: (row) => <Status of={row.state === 'open' ? 'open' : 'half-open'} /> },
            {
              name: 'For',
              number: true,
              cell: (row) => duration(Math.max(0, Date.parse(now.at) - Date.parse(row.since))),
            },
            { name: 'Seen by', cell: (row) => <bdi>{row.instances.join(', ')}</bdi> },
            {
              name: 'Restaurants',
              cell: (row) => <bdi>{row.accountSid === null ? 'all' : row.restaurantIds.join(', ')}</bdi>,
            },
          ]}
        />
      </section>
      <section>
        <h2>Restaurants with most to send</h2>
        <Table<RestaurantLoad>
          rows={now.restaurants}
          rowKey={(row) => row.restaurantId}
          empty="Nothing waits."
          columns={[
            {
              name: 'Restaurant',
              cell: (row) => (
                <a href={link('messages', undefined, { restaurantId: row.restaurantId })} dir="auto">
                  {row.restaurantId}
                </a>
              ),
            },
            { name: 'Status', cell: (row) => <Status of={row.status} /> },
            { name: 'Conversations', number: true, cell: (row) => count(row.conversations) },
            { name: 'Oldest waits', number: true, cell: (row) => duration(row.oldestMs) },
            {
              name: 'Under way',
              number: true,
              cell: (row) => {
                const slots = queue.tenantConcurrency[row.restaurantId];
                return slots ? `${slots.active} of ${slots.limit}` : '0';
              },
            },
            {
              name: 'Dead',
              number: true,
              cell: (row) =>
                row.dead > 0 ? (
                  <a href={link('dead', undefined, { restaurantId: row.restaurantId })}>{count(row.dead)}</a>
                ) : (
                  '0'
                ),
            },
          ]}
        />
      </section>
    </>
  );
}

function LatencyTable({ of }: { readonly of: Latency | null }) {
  const rows =
    of === null
      ? []
      : [
          { name: 'From the POST to the provider', ...of.wait },
          { name: 'The provider’s answer', ...of.call },
        ];
  const time = (name: string, at: (row: Quantiles) => number | null) => ({
    name,
    number: true,
    cell: (row: Quantiles) => duration(at(row)),
  });
  return (
    <section>
      <h2>How long it takes, over the last minute</h2>
      <Table<Quantiles & { readonly name: string }>
        rows={rows}
        rowKey={(row) => row.name}
        empty="Not known: no sender tells of it. See whether one runs."
        columns={[
          { name: 'What', cell: (row) => row.name },
          time('p50: half within', (row) => row.p50Ms),
          time('p95', (row) => row.p95Ms),
          time('p99', (row) => row.p99Ms),
          { name: 'How many', number: true, cell: (row) => count(row.count) },
        ]}
      />
    </section>
  );
}
