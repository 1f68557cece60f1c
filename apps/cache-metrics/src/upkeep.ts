import { type Database, pruneCachePanes } from '@mersal/ledger';

const DAY_MS = 86_400_000;
/** Longer than the topic keeps its records: a replay must find what it counted. */
const KEEP_MS = 8 * DAY_MS;
const EVERY_MS = 3_600_000;

/** Forgets old panes and processes, now and every hour. Returns what stops it. */
export function startUpkeep(
  database: Database,
  wallClock: () => number,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const run = (): void => {
    const before = wallClock() - KEEP_MS;
    running = running.then(() =>
      pruneCachePanes(database, { panes: before, producers: before }).catch(onError),
    );
  };
  run();
  const timer = setInterval(run, EVERY_MS);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
