import { writeFileSync } from 'node:fs';
import {
  checkConcurrency,
  checkNoLoss,
  checkOrder,
  checkRate,
  ownKafka,
  ownPostgres,
  ownRedis,
  startPipeline,
  type Violations,
} from '@mersal/testkit';
import { CallbackProxy } from './callback-proxy.js';
import { type ChaosReport, countOf, metIn, spread } from './chaos-report.js';
import { explainDoubles, loggedRequests } from './doubles.js';
import type { Targets } from './fault.js';
import { Fleet } from './fleet.js';
import { LedgerStates, type MessageState } from './ledger-states.js';
import { Load } from './load.js';
import type { Step } from './plan.js';
import { Provider } from './provider.js';
import { TcpProxy } from './tcp-proxy.js';
import { WireCount, worstSecond } from './wire-count.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly messages: number;
  readonly senders: number;
  readonly tenants: number;
  readonly plan: readonly Step[];
  /**
   * How long to wait for the end once all faults are over, in ms. Attempts that died with their sender are decided a
   * minute and a lease after it.
   */
  readonly quietMs: number;
  /** Do not wait for attempts whose end is not known: that they are in sight will do. */
  readonly inSightWillDo?: boolean;
  readonly say: (text: string) => void;
  /** All lines of all services go into this file in the end. */
  readonly logs?: string | undefined;
}

const TIMEOUT_MS = 3_000;
const RATE = 80;
const PER_TENANT = 5;
/** Of the load, when nothing is accepted although no fault is on. */
const STUCK_MS = 120_000;
/** Of a fault before the next messages, in ms. */
const HEAD_START_MS = 100;

/** Brings up real engines and services, runs the plan's faults under load, and judges by what the provider recorded. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { say, plan } = options;
  const closers: (() => unknown)[] = [];
  try {
    const [kafka, redis, postgres] = await Promise.all([ownKafka(), ownRedis(), ownPostgres()]);
    closers.push(() => Promise.all([kafka.remove(), redis.remove(), postgres.remove()]));
    const [redisOfOne, callbacks] = await Promise.all([TcpProxy.to(redis.port), CallbackProxy.start()]);
    closers.push(() => {
      redisOfOne.close();
      callbacks.close();
    });
    const pipeline = await startPipeline({
      tenants: Array.from({ length: options.tenants }, (_, n) => `restaurant-${n}`),
      senders: 0,
      latencyMs: 80,
      engines: { kafka: kafka.brokers, redis: redis.url, postgres: postgres.url },
      env: {
        PUBLIC_URL: callbacks.url,
        TWILIO_TIMEOUT_MS: String(TIMEOUT_MS),
        RECONCILE_GRACE_MS: '1000',
        RECONCILE_PAUSE_MS: '1000',
        QUEUE_BACKOFF_DELAY: '500',
        QUEUE_RETRY_ATTEMPTS: '10',
      },
    });
    closers.push(() => pipeline.stop());
    callbacks.target = pipeline.ingress;
    const fleet = new Fleet(
      pipeline,
      (name): Record<string, string> =>
        name === 'sender-1' ? { REDIS_URL: `redis://127.0.0.1:${redisOfOne.port}` } : {},
    );
    await Promise.all(Array.from({ length: options.senders }, (_, n) => fleet.start(`sender-${n + 1}`)));
    const provider = new Provider(pipeline.simulator);
    await provider.behave();
    const wire = await WireCount.start(Number(new URL(pipeline.simulator.url).port));
    closers.push(() => wire?.stop());
    const ledger = new LedgerStates(pipeline.database);
    closers.push(() => ledger.close());

    const run = new Run(options, {
      pipeline,
      kafka,
      redis,
      postgres,
      fleet,
      provider,
      redisOfOne,
      callbacks,
    });
    say(
      `chaos: ${plan.length} faults over ${options.messages} messages, ${wire ? 'rate by tcpdump' : 'no tcpdump'}`,
    );
    await run.faults();
    const ended = await run.untilFinal(ledger);
    await wire?.stop();
    const report = await run.judge(ended, wire);
    if (options.logs !== undefined) {
      const senders = fleet.processes.flatMap(({ lines }) => lines);
      const others = [...pipeline.services].filter(([name]) => !name.startsWith('sender-'));
      writeFileSync(options.logs, [...senders, ...others.flatMap(([, { lines }]) => lines)].join('\n'));
    }
    return report;
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #targets: Targets;
  readonly #load: Load;
  readonly #startedAt = performance.now();
  readonly #injected: { kind: string; params: object; told: string; from: number; to: number }[] = [];
  /** Of the run itself: what did not come back, and who died. */
  readonly #failures: string[] = [];

  constructor(options: ChaosOptions, targets: Targets) {
    this.#options = options;
    this.#targets = targets;
    this.#load = new Load(targets.pipeline, { messages: options.messages, lanesPerTenant: 8 });
  }

  async faults(): Promise<void> {
    const { plan, messages } = this.#options;
    this.#load.allow(plan[0]?.at ?? messages);
    for (const [n, step] of plan.entries()) {
      await this.#until(() => this.#load.posted.length >= step.at, STUCK_MS, `${step.at} messages accepted`);
      await new Promise((next) => setTimeout(next, step.afterMs));
      const injected = this.#inject(step);
      // The next messages come while it is on, not before: a fault that meets nobody tells nothing.
      await new Promise((next) => setTimeout(next, HEAD_START_MS));
      this.#load.allow(plan[n + 1]?.at ?? messages);
      await injected;
      await this.#revive();
    }
    this.#load.allow(messages);
    await Promise.race([
      this.#load.done,
      new Promise((_, late) => {
        setTimeout(() => late(new Error('the last messages were not accepted')), STUCK_MS).unref();
      }),
    ]);
    this.#say(
      `all ${this.#load.posted.length} are accepted, the faults are over; waiting until all are final`,
    );
  }

  /** The states of all messages once none moves any more, or the time is over. */
  async untilFinal(ledger: LedgerStates): Promise<MessageState[]> {
    const { quietMs, inSightWillDo } = this.#options;
    const deadline = performance.now() + quietMs;
    let states: MessageState[] = [];
    for (;;) {
      states = await ledger.read().catch(() => states);
      const moving = states.filter((one) => !one.isFinal && !(inSightWillDo && one.isInSight));
      const all = states.length >= this.#load.posted.length;
      if (all && moving.length === 0) return states;
      if (performance.now() > deadline) {
        this.#say(`${moving.length} of ${states.length} messages are still not final`);
        return states;
      }
      await this.#revive();
      await new Promise((next) => setTimeout(next, 500));
    }
  }

  async judge(ended: readonly MessageState[], wire: WireCount | undefined): Promise<ChaosReport> {
    const { seed, messages, inSightWillDo } = this.#options;
    const { pipeline, fleet } = this.#targets;
    const { posted } = this.#load;
    const [requests, stats] = [await pipeline.simulator.requests(), await pipeline.simulator.stats()];
    const logged = fleet.processes.flatMap(({ name, pid, lines }) => loggedRequests(name, pid, lines));
    const doubles = explainDoubles(stats.duplicateIds, requests, logged, fleet.freezes);
    const states = new Map(ended.map((one) => [one.id, inSightWillDo && one.isInSight ? 'held' : one.state]));
    const unended = ended.filter((one) => !one.isFinal && !(inSightWillDo && one.isInSight));
    const rate = { wire: wire ? worstSecond(wire.at) : null, provider: stats.maxPerSecond };
    const perSecond = rate.wire === null ? checkRate(requests, RATE) : overRate(rate.wire);
    return {
      seed,
      messages,
      seconds: Math.round((performance.now() - this.#startedAt) / 1_000),
      injected: this.#injected.map(({ from, to, ...fault }) => ({
        ...fault,
        met: metIn(requests, from, to),
      })),
      states: countOf(ended.map(({ state }) => state)),
      requests: requests.length,
      answers: countOf(requests.map(({ status }) => String(status ?? 'under way'))),
      refusedPosts: this.#load.refused,
      accepting: spread(this.#load.tookMs),
      rate,
      explainedDoubles: doubles.explained,
      broken: {
        'all services came back': this.#failures,
        '1 no loss': [
          ...checkNoLoss(posted, requests, states),
          ...unended.map(({ id, state }) => `not final: ${id} is ${state}`),
        ],
        '2 no double send': doubles.unexplained,
        '3 conversation order': checkOrder(posted, requests),
        '4 tenant concurrency': checkConcurrency(requests, PER_TENANT, TIMEOUT_MS),
        '5 global rate': perSecond,
      },
    };
  }

  async #inject({ fault }: Step): Promise<void> {
    const { kind, params } = fault;
    const from = Date.now();
    const told = await fault.inject(this.#targets).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      this.#failures.push(`${kind} ${JSON.stringify(params)}: ${text}`);
      return `FAILED: ${text.slice(0, 300)}`;
    });
    this.#injected.push({ kind, params, told, from, to: Date.now() });
    const { posted, refused } = this.#load;
    this.#say(`${kind} ${JSON.stringify(params)} ${told}   (${posted.length} accepted, ${refused} refused)`);
  }

  /** A sender that ended by itself is started again, as a container engine would. It must not end by itself. */
  async #revive(): Promise<void> {
    const { fleet } = this.#targets;
    for (const { name, ended, lines } of fleet.takeDied()) {
      this.#failures.push(`${name} ended by itself with ${ended}: ${lastWords(lines)}`);
      this.#say(`${name} ended by itself with ${ended}`);
      await fleet.start(name).catch((error: unknown) => {
        this.#failures.push(
          `${name} did not start again: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
    }
  }

  async #until(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
      await new Promise((next) => setTimeout(next, 20));
    }
  }

  #say(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(6);
    this.#options.say(`${seconds} s  ${text}`);
  }
}

/** What it said last that was worse than a warning, else just what it said last. */
function lastWords(lines: readonly string[]): string {
  const bad = lines.filter((line) => /"level":[56]0/.test(line) || !line.startsWith('{'));
  return (bad.length > 0 ? bad : lines).slice(-3).join(' / ');
}

function overRate(worst: number): Violations {
  return worst > RATE ? [`${worst} requests within 1,000 ms on the wire, ${RATE} are allowed`] : [];
}
