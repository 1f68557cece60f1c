import { type Database, pruneCachePanes } from '@mersal/ledger';

const DAY_MS = 86_400_000;
/** Panes of 10 s become panes of a minute then. */
const PANES_MS = 6 * 3_600_000;
/** Longer than the topic keeps its records: a replay must find what it counted. */
const PRODUCERS_MS = 8 * DAY_MS;
const ALERTS_MS = 90 * DAY_MS;
const EVERY_MS = 600_000;

/** Merges old panes, and forgets older ones, now and every ten minutes. Returns what stops it. */
export function startUpkeep(
  database: Database,
  historyDays: number,
  wallClock: () => number,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const run = (): void => {
    const now = wallClock();
    running = running.then(() =>
      pruneCachePanes(database, {
        panes: now - PANES_MS,
        misses: now - PANES_MS,
        minutes: now - historyDays * DAY_MS,
        producers: now - PRODUCERS_MS,
        alerts: now - ALERTS_MS,
      }).catch(onError),
    );
  };
  run();
  const timer = setInterval(run, EVERY_MS);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
