import { addPanes, readCacheOffset } from '@mersal/ledger';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Fixture, openFixture } from './ingress-fixture.js';

const MINUTE = 60_000;
/** A whole hour, two hours ago: its panes are nobody's window any more. */
const HOUR = Math.floor(Date.now() / (60 * MINUTE)) * 60 * MINUTE - 2 * 60 * MINUTE;
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture?.close());

it('/api/cache/metrics/history tells hits and misses of a key or of all, by steps of whole minutes', async () => {
  const pane = (key: string, at: number, hits: number, misses: number) => ({
    key,
    tenant: 'default',
    pane: HOUR + at,
    hits,
    misses,
    creations: 0,
    late: 0,
  });
  await readCacheOffset(fixture.database, 0);
  await addPanes(
    fixture.database,
    0,
    { first: 0n, next: 1n, readTo: null },
    {
      panes: [
        pane('menu', 0, 8, 2),
        pane('menu', 50_000, 1, 0),
        pane('menu', 3 * MINUTE, 0, 4),
        pane('offer', MINUTE, 5, 0),
      ],
      misses: [],
      totals: [],
      producers: new Map(),
    },
  );
  const at = (ms: number): string => new Date(HOUR + ms).toISOString();
  const ask = (query: string) =>
    fixture.call('GET', `/api/cache/metrics/history?from=${at(0)}&to=${at(5 * MINUTE)}${query}`);

  expect(await ask('&key=menu')).toMatchObject({
    status: 200,
    body: {
      key: 'menu',
      from: at(0),
      to: at(5 * MINUTE),
      step: 60,
      items: [
        { from: at(0), hits: 9, misses: 2, missRate: 2 / 11 },
        { from: at(3 * MINUTE), hits: 0, misses: 4, missRate: 1 },
      ],
    },
  });
  expect((await ask('&step=120')).body).toMatchObject({
    key: null,
    step: 120,
    items: [
      { from: at(0), hits: 14, misses: 2 },
      { from: at(2 * MINUTE), hits: 0, misses: 4 },
    ],
  });
  expect((await ask('&key=nobody')).body).toMatchObject({ items: [] });
  expect(await ask('&step=90')).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
});
