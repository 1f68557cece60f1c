import type { EventFeed, MessageEvent } from '@mersal/ledger';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readEventId } from '../src/events/event-text.js';
import { StreamHub } from '../src/events/stream-hub.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const event = (n: number, u = 'a'): MessageEvent => ({
  n: String(n),
  outbox: String(n),
  u: u.repeat(32),
  tag: '1aaaaaaaaaaaa',
  conversation: 'c',
  redrive: 0,
  attempt: 0,
  state: 'queued',
  at: 0,
  detail: {},
});

function world(options: { mostOfKey?: number; most?: number } = {}) {
  const log: MessageEvent[] = [];
  const asked: EventFeed[][] = [];
  const state = { valid: new Set(['k1', 'k2']), away: false };
  const ends: unknown[] = [];
  const hub = new StreamHub({
    ledger: {
      async readEvents(feeds, most) {
        if (state.away) throw new Error('away');
        asked.push([...feeds]);
        return feeds.map((feed) => log.filter(({ n }) => Number(n) > Number(feed.after)).slice(0, most));
      },
    },
    async validKeys(ids) {
      if (state.away) throw new Error('away');
      return new Set(ids.filter((id) => state.valid.has(id)));
    },
    most: 10,
    mostOfKey: 5,
    ...options,
    logger: { warn: () => undefined },
    metrics: { count: (_name, labels) => void ends.push(labels?.['reason']), gauge: () => undefined },
    now: () => performance.now(),
  });
  const reader = (keyId = 'k1', told = { after: '0', pending: '0' }) => {
    const got = { ids: [] as string[], text: '', ended: false, full: false, drain: () => undefined as void };
    const remove = hub.open({
      keyId,
      tenant: 1,
      restaurantId: 'r1',
      u: null,
      told,
      sink: {
        write(text) {
          got.text += text;
          got.ids.push(...[...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? ''));
          return !got.full;
        },
        ready: (then) => {
          got.drain = then;
        },
        end: () => {
          got.ended = true;
        },
      },
    });
    return { got, remove };
  };
  return { hub, log, asked, state, ends, reader };
}

it('tells each reader everything once, and asks once for those at the same place', async () => {
  const { log, asked, reader } = world();
  const [one, two, late] = [reader(), reader('k2'), reader('k1', { after: '2', pending: '0' })];
  log.push(event(1), event(2), event(3));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(one.got.ids).toEqual(['1.0', '2.0', '3.0']);
  expect(two.got.ids).toEqual(one.got.ids);
  expect(late.got.ids).toEqual(['3.0']);
  expect(asked[0]).toHaveLength(2);
  expect(asked.at(-1)).toHaveLength(1);
});

it('what the state told already is not told again, also to one that comes back', async () => {
  const { log, reader } = world();
  log.push(event(8), event(9), event(10));
  const { got } = reader('k1', { after: '7', pending: '9' });
  await vi.advanceTimersByTimeAsync(500);
  expect(got.ids).toEqual(['10.9']);
  const back = reader('k1', readEventId('7.9'));
  await vi.advanceTimersByTimeAsync(500);
  expect(back.got.ids).toEqual(['10.9']);
  expect(readEventId('nonsense')).toBeUndefined();
});

it('a reader that is behind is not read for, is told the rest once it caught up, and is ended after 10 s', async () => {
  const { log, asked, reader, ends } = world();
  const { got } = reader();
  got.full = true;
  log.push(...Array.from({ length: 250 }, (_, n) => event(n + 1)));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(got.ids).toHaveLength(100);
  expect(asked.at(-1)).toEqual([]);
  got.full = false;
  got.drain();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(got.ids).toHaveLength(250);
  expect(new Set(got.ids).size).toBe(250);
  got.full = true;
  log.push(event(251));
  await vi.advanceTimersByTimeAsync(9_000);
  expect(got.ended).toBe(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(got.ended).toBe(true);
  expect(ends).toEqual(['slow']);
});

it('streams end with their key, others stay', async () => {
  const { reader, state, ends } = world();
  const [one, two] = [reader('k1'), reader('k2')];
  await vi.advanceTimersByTimeAsync(10_000);
  expect([one.got.ended, two.got.ended]).toEqual([false, false]);
  state.valid.delete('k1');
  await vi.advanceTimersByTimeAsync(2_500);
  expect([one.got.ended, two.got.ended]).toEqual([true, false]);
  expect(ends).toEqual(['key']);
});

it('while keys can not be checked streams go on for 5 s, not longer', async () => {
  const { reader, state, ends } = world();
  const { got } = reader();
  await vi.advanceTimersByTimeAsync(2_100);
  state.away = true;
  await vi.advanceTimersByTimeAsync(4_000);
  expect(got.ended).toBe(false);
  await vi.advanceTimersByTimeAsync(3_200);
  expect(got.ended).toBe(true);
  expect(ends).toEqual(['store']);
});

it('says that it is there when nothing happens', async () => {
  const { reader } = world();
  const { got } = reader();
  await vi.advanceTimersByTimeAsync(31_000);
  expect(got.text).toBe(': still here\n\n'.repeat(2));
});

it('takes a bounded number of streams, of a key and in all; one that left makes room', async () => {
  const { hub, reader } = world({ mostOfKey: 2, most: 3 });
  reader();
  const { remove } = reader();
  expect(hub.refusal('k1')).toBe('too_many_of_key');
  expect(hub.refusal('k2')).toBeUndefined();
  reader('k2');
  expect(hub.refusal('k2')).toBe('too_many');
  remove();
  expect(hub.refusal('k1')).toBeUndefined();
});

it('ends all when it closes, and takes no further', async () => {
  const { hub, reader } = world();
  const { got } = reader();
  hub.close();
  expect(got.ended).toBe(true);
  expect(hub.refusal('k1')).toBe('draining');
  expect(reader().got.ended).toBe(true);
});
