import type { TemplateAlert, TemplateEvent } from '@mersal/contracts';
import {
  type Alert,
  type AppendedEvent,
  foldEvents,
  judgeWindow,
  PANE_MS,
  ShadowPanes,
  spikeStep,
  WINDOW_MS,
} from '@mersal/cache-windows';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const START = 1_790_000_000_000;

/** A log that is written by hand, judged pane by pane. */
class Story {
  readonly #shadow = new ShadowPanes();
  readonly told: TemplateAlert[] = [];
  open: readonly Alert[] = [];
  #sequence = 0;
  #end = START;

  events(n: number, more: Partial<TemplateEvent> | ((i: number) => Partial<TemplateEvent>)): this {
    const events = Array.from({ length: n }, (_, i): AppendedEvent => {
      this.#sequence += 1;
      const event: TemplateEvent = {
        kind: 'hit',
        key: 'menu',
        tenant: 'r1',
        hash: 'h',
        at: this.#end,
        producer: 'p',
        sequence: this.#sequence,
        ...(typeof more === 'function' ? more(i) : more),
      };
      return { event, appendedAt: event.at };
    });
    this.#shadow.add(foldEvents(events, new Map()));
    return this;
  }

  async panes(n: number): Promise<this> {
    for (let i = 0; i < n; i += 1) {
      this.#end += PANE_MS;
      const judged = await judgeWindow(this.#shadow, this.#end, this.open);
      this.told.push(...judged.events);
      this.open = judged.alerts.filter(({ closedAt }) => closedAt === null);
    }
    return this;
  }

  /** Of misses, in the window that was judged last. */
  async rate(): Promise<number> {
    const { hits, misses } = (await this.#shadow.sums(this.#end, [])).total;
    return misses / (hits + misses);
  }

  get brief(): string[] {
    return this.told.map(({ state, scope, key, cause }) => `${state} ${scope} ${key ?? '*'} ${cause}`);
  }
}

const WINDOW_PANES = WINDOW_MS / PANE_MS;

describe('the state of a spike', () => {
  it('opens above half of enough requests only, and closes below 40 % or without requests', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.nat(200), fc.nat(200), (open, hits, misses) => {
        const step = spikeStep(open, { hits, misses, creations: 0 });
        const requests = hits + misses;
        if (!open) expect(step).toBe(requests >= 20 && misses > hits ? 'open' : 'quiet');
        else expect(step).toBe(requests < 10 || misses / requests < 0.4 ? 'close' : 'stay');
      }),
    );
  });
});

describe('alerts', () => {
  it('tell one spike once, in all and by key, and its end once', async () => {
    const story = await new Story().events(100, { kind: 'hit' }).panes(31);
    expect(story.told).toEqual([]);
    for (let n = 0; n < 6; n += 1)
      await story.events(30, (i) => ({ kind: 'miss', hash: `${n}-${i}` })).panes(1);
    await story.panes(WINDOW_PANES + 10);
    expect(story.brief).toEqual([
      'opened global * hash_churn',
      'opened key menu hash_churn',
      'closed global * hash_churn',
      'closed key menu hash_churn',
    ]);
    expect(story.told[0]?.message).toMatch(/^Cache miss spike detected! Miss rate: 100\.0%/);
    expect(story.open).toEqual([]);
  });

  it('do not flap while the rate of the window moves between 55 % and 45 %, and close below 40 %', async () => {
    const story = new Story();
    /** Until the window holds nothing else. */
    const atRate = async (missesOf20: number): Promise<void> => {
      for (let n = 0; n < WINDOW_PANES; n += 1)
        await story
          .events(missesOf20, { kind: 'miss' })
          .events(20 - missesOf20, { kind: 'hit' })
          .panes(1);
    };
    const states = (): string[] =>
      story.brief
        .map((line) => line.split(' ').slice(0, 2).join(' '))
        .filter((s) => !s.startsWith('updated'));
    const rates: number[] = [];
    for (const missesOf20 of [11, 9, 11, 9, 11, 9]) {
      await atRate(missesOf20);
      rates.push(await story.rate());
    }
    expect(rates).toEqual([0.55, 0.45, 0.55, 0.45, 0.55, 0.45]);
    expect(states()).toEqual(['opened global', 'opened key']);
    await atRate(7);
    expect(states()).toEqual(['opened global', 'opened key', 'closed global', 'closed key']);
  });

  it('name hash churn with the number of hashes, even where the key is new', async () => {
    const story = await new Story().events(61, (i) => ({ kind: 'miss', hash: `h${i}` })).panes(1);
    expect(story.told[1]).toMatchObject({ cause: 'hash_churn', distinctHashes: 61, key: 'menu' });
    expect(story.told[1]?.message).toContain('key menu');
    expect(story.told[1]?.message).toContain('61 distinct hashes in 5 minutes');
  });

  it('do not take many restaurants that start at once for churn: each has one hash', async () => {
    const story = await new Story()
      .events(80, (i) => ({ kind: 'miss', hash: `h${i}`, tenant: `r${i}` }))
      .panes(1);
    expect(story.told[1]).toMatchObject({ cause: 'new_key', distinctHashes: 80 });
  });

  it('call many new keys a cold start, and one of them by name', async () => {
    const story = await new Story()
      .events(60, (i) => ({ kind: 'miss', key: `key-${i % 3}`, tenant: `r${i}` }))
      .panes(1);
    expect(story.told[0]).toMatchObject({ scope: 'global', cause: 'cold_start' });
    expect(story.told[0]?.message).toContain('3 keys');
  });

  it('name a store that was away, and which', async () => {
    for (const [reason, store] of [
      ['redis_away', 'Redis'],
      ['database_away', 'Postgres'],
    ] as const) {
      const story = await new Story().events(40, { kind: 'miss', reason }).panes(1);
      expect(story.told[1]).toMatchObject({ cause: 'store_away' });
      expect(story.told[1]?.message).toContain(`${store} could not be reached`);
    }
  });

  it('name a mass invalidation by its reason, or by hits that ceased', async () => {
    const told = await new Story().events(40, { kind: 'miss', reason: 'invalidated' }).panes(1);
    expect(told.told[1]).toMatchObject({ cause: 'invalidation' });
    const ceased = await new Story().events(200, { kind: 'hit' }).panes(WINDOW_PANES);
    await ceased.events(250, (i) => ({ kind: 'miss', tenant: `r${i}` })).panes(1);
    expect(ceased.told[1]).toMatchObject({ cause: 'invalidation', key: 'menu' });
    expect(ceased.told[1]?.message).toContain('200 hits');
  });

  it('name creations that fail, with where to look, before they take the key for new; but churn before them', async () => {
    const failing = (i: number) => ({
      kind: 'miss' as const,
      tenant: `r${i % 10}`,
      reason: i % 3 === 0 ? 'under_way' : 'creation_failed',
    });
    const story = await new Story().events(60, failing).panes(1);
    expect(story.told[1]).toMatchObject({ cause: 'unknown', key: 'menu' });
    expect(story.told[1]?.message).toContain('40 of 60 misses of menu ended in a failed creation');
    expect(story.told[1]?.message).toContain('mersal cache warm --key');
    expect(story.told[0]?.message).toContain('ended in a failed creation');
    const churn = await new Story()
      .events(60, (i) => ({ ...failing(i), tenant: 'r1', hash: `h${i}` }))
      .panes(1);
    expect(churn.told[1]).toMatchObject({ cause: 'hash_churn' });
  });

  it('are told again when the cause turns out to be another', async () => {
    const story = await new Story().events(30, (i) => ({ kind: 'miss', tenant: `r${i}` })).panes(1);
    await story.events(90, (i) => ({ kind: 'miss', hash: `h${i}` })).panes(1);
    expect(story.brief).toEqual([
      'opened global * new_key',
      'opened key menu new_key',
      'updated global * hash_churn',
      'updated key menu hash_churn',
    ]);
  });

  it('are the same in whatever order and batches the events came', async () => {
    const draft = fc.record({
      kind: fc.constantFrom('hit' as const, 'miss' as const, 'miss' as const, 'creation' as const),
      key: fc.constantFrom('a', 'b', 'c'),
      tenant: fc.constantFrom('r1', 'r2'),
      hash: fc.constantFrom('1', '2', '3', '4', '5', '6', '7'),
      at: fc.integer({ min: START, max: START + 900_000 }),
      delay: fc.integer({ min: 0, max: 30_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(draft, { minLength: 50, maxLength: 400 }),
        fc.array(fc.nat(1_000), { minLength: 400, maxLength: 400 }),
        async (drafts, shuffle) => {
          const events = drafts.map(
            ({ delay, ...event }, n): AppendedEvent => ({
              event: { ...event, producer: `p${n}`, sequence: 1 },
              appendedAt: event.at + delay,
            }),
          );
          const other = events
            .map((event, n) => ({ event, by: shuffle[n] ?? 0 }))
            .toSorted((a, b) => a.by - b.by)
            .map(({ event }) => event);
          const run = async (batches: readonly (readonly AppendedEvent[])[]) => {
            const shadow = new ShadowPanes();
            for (const batch of batches) shadow.add(foldEvents(batch, new Map()));
            let open: readonly Alert[] = [];
            const told: TemplateAlert[] = [];
            const sums: unknown[] = [];
            for (let end = START; end <= START + 1_300_000; end += PANE_MS) {
              const judged = await judgeWindow(shadow, end, open);
              open = judged.alerts.filter(({ closedAt }) => closedAt === null);
              told.push(...judged.events);
              const { total, keys } = await shadow.sums(end, ['a', 'never']);
              sums.push({ total, keys: [...keys] });
            }
            return { told, sums };
          };
          const whole = await run([events]);
          expect(await run(other.map((event) => [event]))).toEqual(whole);
          // Brute force: every window is a count over all events.
          const brute: unknown[] = [];
          for (let end = START; end <= START + 1_300_000; end += PANE_MS) {
            const none = () => ({ hits: 0, misses: 0, creations: 0 });
            const total = none();
            const byKey = new Map(['a', 'b', 'c', 'never'].map((key) => [key, none()]));
            for (const { event, appendedAt } of events) {
              if (event.at < end - WINDOW_MS || event.at >= end) continue;
              const paneEnd = event.at - (event.at % PANE_MS) + PANE_MS;
              if (appendedAt > paneEnd + 10_000) continue;
              const column = ({ hit: 'hits', miss: 'misses', creation: 'creations' } as const)[event.kind];
              total[column] += 1;
              (byKey.get(event.key) ?? none())[column] += 1;
            }
            // Those with misses, the most first, and behind them those that were asked for besides.
            const worst = [...byKey]
              .filter(([, { misses }]) => misses > 0)
              .toSorted(([a, x], [b, y]) => y.misses - x.misses || (a < b ? -1 : 1));
            brute.push({
              total,
              keys: [
                ...new Map([
                  ...worst,
                  ...['a', 'never'].map((key) => [key, byKey.get(key) ?? none()] as const),
                ]),
              ],
            });
          }
          expect(whole.sums).toEqual(brute);
        },
      ),
      { numRuns: 60 },
    );
  });
});
