import type { LedgerStates, MessageState } from './ledger-states.js';
import { Load } from './load.js';
import { pause, type Targets } from './fault.js';
import type { Step } from './plan.js';

/** Of the load, when nothing is accepted although no fault is on. */
const STUCK_MS = 120_000;
/** Of a fault before the next messages, in ms. */
const HEAD_START_MS = 100;

export interface CourseOptions {
  readonly messages: number;
  readonly plan: readonly Step[];
  /** Of messages posted, at most. */
  readonly perSecond?: number | undefined;
  readonly say: (text: string) => void;
  /** Aborted, everything here rejects. */
  readonly signal: AbortSignal;
}

/** The course of a run: the plan's faults under load, and the wait for the end of all messages. */
export class Course {
  readonly load: Load;
  readonly injected: { kind: string; params: object; told: string; from: number; to: number }[] = [];
  /** Of the run itself: what did not come back, and who died. */
  readonly failures: string[] = [];
  readonly #options: CourseOptions;
  readonly #targets: Targets;
  readonly #startedAt = performance.now();

  constructor(options: CourseOptions, targets: Targets) {
    const { messages, perSecond, signal } = options;
    this.#options = options;
    this.#targets = targets;
    this.load = new Load(targets.pipeline, targets.front, { messages, lanesPerTenant: 8, perSecond, signal });
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  async faults(): Promise<void> {
    const { plan, messages } = this.#options;
    this.load.allow(plan[0]?.at ?? messages);
    for (const [n, step] of plan.entries()) {
      await this.#until(() => this.load.posted.length >= step.at, `${step.at} messages accepted`);
      await pause(step.afterMs);
      const injected = this.#inject(step);
      // The next messages come while it is on, not before: a fault that meets nobody tells nothing.
      await pause(HEAD_START_MS);
      this.load.allow(plan[n + 1]?.at ?? messages);
      await injected;
      await this.#revive();
    }
    this.load.allow(messages);
    await this.#until(() => this.load.posted.length >= messages, 'the last messages accepted');
    this.#say(
      `all ${this.load.posted.length} are accepted, the faults are over; waiting until all are final`,
    );
  }

  /**
   * The states of all messages once none moves any more, or the time is over.
   * @param options.quietMs how long to wait, in ms
   * @param options.inSightWillDo do not wait for attempts whose end is not known
   */
  async untilFinal(
    ledger: LedgerStates,
    { quietMs, inSightWillDo }: { readonly quietMs: number; readonly inSightWillDo: boolean },
  ): Promise<MessageState[]> {
    const deadline = performance.now() + quietMs;
    let states: MessageState[] = [];
    for (;;) {
      this.#options.signal.throwIfAborted();
      states = await ledger.read().catch(() => states);
      const moving = states.filter((one) => !one.isFinal && !(inSightWillDo && one.isInSight));
      const all = states.length >= this.load.posted.length;
      if (all && moving.length === 0) return states;
      if (performance.now() > deadline) {
        this.#say(`${moving.length} of ${states.length} messages are still not final`);
        return states;
      }
      await this.#revive();
      await pause(500);
    }
  }

  async #inject({ fault }: Step): Promise<void> {
    const { kind, params } = fault;
    const from = Date.now();
    const told = await fault.inject(this.#targets).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      this.failures.push(`${kind} ${JSON.stringify(params)}: ${text}`);
      return `FAILED: ${text.slice(0, 300)}`;
    });
    this.injected.push({ kind, params, told, from, to: Date.now() });
    const { posted, refused } = this.load;
    this.#say(`${kind} ${JSON.stringify(params)} ${told}   (${posted.length} accepted, ${refused} refused)`);
    for (const [what, n] of Object.entries(this.#targets.front.since(from))) this.#say(`  ${n} × ${what}`);
  }

  /** A service that ended by itself is started again, as a container engine would. It must not end by itself. */
  async #revive(): Promise<void> {
    const { fleet, pipeline } = this.#targets;
    const others = [...pipeline.services].filter(([name]) => !name.startsWith('sender-'));
    for (const [name, { ended, lines }] of others) {
      if (ended === undefined) continue;
      this.failures.push(`${name} ended by itself with ${ended}: ${lastWords(lines)}`);
      this.#say(`${name} ended by itself with ${ended}`);
      await pipeline.restart(name);
    }
    for (const { name, ended, lines } of fleet.takeDied()) {
      this.failures.push(`${name} ended by itself with ${ended}: ${lastWords(lines)}`);
      this.#say(`${name} ended by itself with ${ended}`);
      await fleet.start(name).catch((error: unknown) => {
        this.failures.push(
          `${name} did not start again: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
    }
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + STUCK_MS;
    while (!condition()) {
      this.#options.signal.throwIfAborted();
      await this.#revive();
      if (this.load.failure !== undefined) throw this.load.failure;
      if (performance.now() > deadline) throw new Error(`waited ${STUCK_MS} ms in vain for ${what}`);
      await pause(20);
    }
  }

  #say(text: string): void {
    const seconds = (this.elapsedMs / 1_000).toFixed(1).padStart(6);
    this.#options.say(`${seconds} s  ${text}`);
  }
}

/** What it said last that was worse than a warning, else just what it said last. */
function lastWords(lines: readonly string[]): string {
  const bad = lines.filter((line) => /"level":[56]0/.test(line) || !line.startsWith('{'));
  return (bad.length > 0 ? bad : lines).slice(-3).join(' / ');
}
