import type { Theme } from './plan.js';
import { plants } from './plants.js';
import { type RunResult, simulate } from './simulation.js';

/** One share of the seeds: every `of`-th, from `from` on. */
export interface Share {
  readonly from: number;
  readonly until: number;
  readonly of: number;
  readonly plant: string | undefined;
  readonly theme: Theme | undefined;
  /** No run begins after this; JSON has no Infinity, null is it. */
  readonly seconds: number | null;
}

/** What a worker tells of a run. */
export type Report = Omit<RunResult, 'story'>;

/** Runs the seeds of a share one after the other, and tells of each. */
async function work(share: Share, tell: (report: Report) => void): Promise<void> {
  const plant = plants.find(({ name }) => name === share.plant);
  const endsAt = performance.now() + (share.seconds ?? Number.POSITIVE_INFINITY) * 1_000;
  for (let seed = share.from; seed < share.until && performance.now() < endsAt; seed += share.of) {
    const { story: _story, ...report } = await simulate({
      seed,
      theme: share.theme,
      ...(plant ? { plant } : {}),
    });
    tell(report);
  }
}

process.once('message', (share: Share) => {
  work(share, (report) => process.send?.(report)).then(
    () => process.disconnect(),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    },
  );
});
