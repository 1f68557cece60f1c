import { writeFileSync } from 'node:fs';
import type { ChaosReport } from './chaos-report.js';
import { Closers } from './closers.js';
import { Course } from './course.js';
import { pause } from './fault.js';
import { judge } from './judge.js';
import type { Step } from './plan.js';
import { openStage, type Stage, type StageOptions } from './stage.js';

export interface ChaosOptions extends StageOptions {
  readonly seed: number;
  readonly messages: number;
  readonly plan: readonly Step[];
  /** Of messages posted, at most. Default: as fast as they are accepted. */
  readonly perSecond?: number;
  /** All of it, in ms: after that the run stops what it started, and rejects with how far it came. */
  readonly deadlineMs: number;
  /**
   * How long to wait for the end once all faults are over, in ms. Attempts that died with their sender are decided a
   * minute and a lease after it.
   */
  readonly quietMs: number;
  /** Do not wait for attempts whose end is not known: that they are in sight will do. Default false. */
  readonly inSightWillDo?: boolean;
  readonly say: (text: string) => void;
  /** All lines of all services go into this file in the end, however it ended. */
  readonly logs?: string | undefined;
}

/** Of a run that was told to stop, until its engines are taken away under it, in ms: longer than any fault stays on. */
const SETTLE_MS = 25_000;

/** Brings up real engines and services, runs the plan's faults under load, and judges by what the provider recorded. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { deadlineMs, logs } = options;
  const closers = new Closers();
  const stop = new AbortController();
  const progress = { stage: undefined as Stage | undefined, last: 'bringing up engines and services' };
  const work = perform(options, closers, stop.signal, progress);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`chaos was not over within ${deadlineMs} ms; last: ${progress.last}`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    stop.abort(new Error('the run is over'));
    // A fault that is on brings back what it took away, and would do so after the end.
    await Promise.race([Promise.allSettled([work]), pause(SETTLE_MS)]);
    if (logs !== undefined && progress.stage) writeFileSync(logs, allLines(progress.stage).join('\n'));
    await closers.close();
  }
}

async function perform(
  options: ChaosOptions,
  closers: Closers,
  signal: AbortSignal,
  progress: { stage: Stage | undefined; last: string },
): Promise<ChaosReport> {
  const { seed, messages, plan, perSecond, quietMs, inSightWillDo = false } = options;
  const say = (text: string): void => {
    progress.last = text.trim();
    options.say(text);
  };
  const stage = await openStage(options, closers, signal);
  progress.stage = stage;
  const course = new Course({ messages, plan, perSecond, say, signal }, stage.targets);
  say(
    `chaos: ${plan.length} faults over ${messages} messages, ${stage.wire ? 'rate by tcpdump' : 'no tcpdump'}`,
  );
  await course.faults();
  const ended = await course.untilFinal(stage.ledger, { quietMs, inSightWillDo });
  await stage.wire?.stop();
  await stage.cacheLoad?.stop();
  return judge({ seed, messages, course, stage, ended, inSightWillDo });
}

function allLines({ targets: { fleet, pipeline } }: Stage): string[] {
  const others = [...pipeline.services].filter(([name]) => !name.startsWith('sender-'));
  return [...fleet.processes, ...others.map(([, service]) => service)].flatMap(({ lines }) => lines);
}
