import { get } from '../api.js';
import { count, percent, time } from '../format.js';
import { useLoaded } from '../loading.js';
import { Fault, Status, Table, Tile } from '../parts.jsx';
import type { CacheAlert, CacheCounts, CacheMetrics } from '../types.js';

const EVERY_MS = 5_000;

/** The cache of templates: how well it hits, and what is wrong where it does not. */
export function CachePage() {
  const { data, error } = useLoaded('cache', () => get<CacheMetrics>('/api/cache/metrics'), EVERY_MS);
  if (!data) return error === undefined ? <p class="muted">Loading…</p> : <Fault text={error} />;
  const { runtime, health, alerts } = data;
  const keys = Object.entries(runtime.byKey).toSorted(([, a], [, b]) => b.totalRequests - a.totalRequests);
  return (
    <>
      <h1>Templates</h1>
      <Fault text={error} />
      <section class="tiles" aria-label="The cache">
        <Tile label="Hit rate, 5 minutes" value={percent(runtime.window.hitRate)} />
        <Tile label="Hit rate, all time" value={percent(runtime.hitRate)} />
        <Tile label="Requests" value={count(runtime.totalRequests)} />
        <Tile label="Created" value={count(runtime.creations)} />
        <Tile label="Health" value={health.status} tone={health.status === 'poor' ? 'bad' : undefined} />
      </section>
      {health.reasons.length > 0 && (
        <ul>
          {health.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <section>
        <h2>Spikes of misses</h2>
        <Table<CacheAlert>
          rows={alerts}
          rowKey={(row) => `${row.scope} ${row.key} ${row.openedAt}`}
          empty="None within a day."
          columns={[
            { name: 'State', cell: (row) => <Status of={row.state} /> },
            { name: 'Key', cell: (row) => <bdi>{row.key ?? 'all keys'}</bdi> },
            { name: 'Since', cell: (row) => time(row.openedAt) },
            { name: 'Misses', number: true, cell: (row) => percent(row.missRate) },
            { name: 'Why, and what to do', cell: (row) => <span dir="auto">{row.message}</span> },
          ]}
        />
      </section>
      <section>
        <h2>By key</h2>
        <Table<[string, CacheCounts]>
          rows={keys}
          rowKey={([key]) => key}
          empty="No template was asked for yet."
          columns={[
            { name: 'Key', cell: ([key]) => <bdi>{key}</bdi> },
            { name: 'Hit rate', number: true, cell: ([, one]) => percent(one.hitRate) },
            { name: 'Hits', number: true, cell: ([, one]) => count(one.hits) },
            { name: 'Misses', number: true, cell: ([, one]) => count(one.misses) },
            { name: 'Created', number: true, cell: ([, one]) => count(one.creations) },
          ]}
        />
      </section>
    </>
  );
}
