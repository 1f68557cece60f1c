import { held } from './chaos-report.js';
import { type ChaosOptions, runChaos } from './run-chaos.js';
import { tell } from './tell.js';

/** Of a run's end: the longest lease and the minute after it, the reconciliation, and the retries after that. */
export const QUIET_MS = 240_000;

export const chaosFlags = {
  seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
  /** Show what would be done, and do nothing. */
  plan: { type: 'boolean', default: false },
  /** A file for all lines of all services. */
  logs: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

export interface ChaosFlags {
  readonly plan: boolean;
  readonly json: boolean;
  readonly logs?: string | undefined;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Where what people read goes: with --json not to stdout. */
export function sayer({ json }: Pick<ChaosFlags, 'json'>): (text: string) => void {
  return json ? (text) => void process.stderr.write(`${text}\n`) : print;
}

/** Shows the plan or performs it, tells what came of it, and sets the exit code. `again`: the command that repeats it. */
export async function chaosCommand(
  flags: ChaosFlags,
  title: string,
  again: string,
  options: Omit<ChaosOptions, 'say' | 'logs' | 'quietMs'>,
): Promise<void> {
  const say = sayer(flags);
  say(title);
  if (flags.plan) {
    for (const { at, afterMs, fault } of options.plan)
      print(JSON.stringify({ at, afterMs, kind: fault.kind, params: fault.params }));
    return;
  }
  const report = await runChaos({ ...options, quietMs: QUIET_MS, say, logs: flags.logs });
  if (flags.json) print(JSON.stringify(report));
  else tell(report, print, again);
  process.exitCode = held(report) ? 0 : 1;
}
