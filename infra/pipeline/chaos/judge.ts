import { checkConcurrency, checkNoLoss, checkOrder, checkRate, mostWithin } from '@mersal/testkit';
import { type ChaosReport, countOf, longestGap, metIn, spread } from './chaos-report.js';
import { explainDoubles, loggedRequests } from './doubles.js';
import type { MessageState } from './ledger-states.js';
import type { Course } from './course.js';
import { type Stage, TIMEOUT_MS } from './stage.js';

const RATE = 80;
const PER_TENANT = 5;
/** Of cache-metrics, to read what was published last, in ms. */
const CACHE_WITHIN_MS = 60_000;

export interface Judged {
  readonly seed: number;
  readonly messages: number;
  readonly course: Course;
  readonly stage: Stage;
  readonly ended: readonly MessageState[];
  /** Attempts whose end is not known yet do not count as unended. */
  readonly inSightWillDo: boolean;
}

/** What came of a run, by what the provider recorded, the kernel saw go out, and the ledger says. */
export async function judge({
  seed,
  messages,
  course,
  stage,
  ended,
  inSightWillDo,
}: Judged): Promise<ChaosReport> {
  const { targets, wire, cacheLoad } = stage;
  const { pipeline, fleet, front } = targets;
  const { posted, refused, tookMs } = course.load;
  const [requests, stats] = [await pipeline.simulator.requests(), await pipeline.simulator.stats()];
  const logged = fleet.processes.flatMap(({ name, pid, lines }) => loggedRequests(name, pid, lines));
  const doubles = explainDoubles(stats.duplicateIds, requests, logged, fleet.freezes);
  const states = new Map(ended.map((one) => [one.id, inSightWillDo && one.isInSight ? 'held' : one.state]));
  const unended = ended.filter((one) => !one.isFinal && !(inSightWillDo && one.isInSight));
  const rate = { wire: wire ? mostWithin(wire.at, 1_000) : null, provider: stats.maxPerSecond };
  const onWire =
    rate.wire !== null && rate.wire > RATE
      ? [`${rate.wire} requests within 1,000 ms on the wire, ${RATE} are allowed`]
      : [];
  return {
    seed,
    messages,
    seconds: Math.round(course.elapsedMs / 1_000),
    injected: course.injected.map(({ from, to, ...fault }, n) => ({
      ...fault,
      seconds: Math.round((to - from) / 100) / 10,
      met: metIn(requests, from, to),
      apiErrors: front.errors.filter(({ at }) => at >= from && at <= to).length,
      standstillMs: longestGap(requests, from, course.injected[n + 1]?.from ?? to),
    })),
    states: countOf(ended.map(({ state }) => state)),
    requests: requests.length,
    answers: countOf(requests.map(({ status }) => String(status ?? 'under way'))),
    refusedPosts: refused,
    accepting: spread(tookMs),
    rate,
    explainedDoubles: doubles.explained,
    broken: {
      'all services came back': course.failures,
      '1 no loss': [
        ...checkNoLoss(posted, requests, states),
        ...unended.map(({ id, state }) => `not final: ${id} is ${state}`),
      ],
      '2 no double send': doubles.unexplained,
      '3 conversation order': checkOrder(posted, requests),
      '4 tenant concurrency': checkConcurrency(requests, PER_TENANT, TIMEOUT_MS),
      // A provider process that stalls counts bunches that never were; the kernel does not.
      '5 global rate': wire ? onWire : checkRate(requests, RATE),
      'no error while restarted': front.violations(),
      ...(cacheLoad && {
        'cache events counted once': await cacheLoad.judge(pipeline.database, CACHE_WITHIN_MS),
      }),
    },
  };
}
