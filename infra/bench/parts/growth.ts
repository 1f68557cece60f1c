import { setTimeout as sleep } from 'node:timers/promises';
import { startPipeline } from '@mersal/testkit';
import { Redis } from 'ioredis';
import { viewLedger } from '../ledger-view.js';
import { fitLine, type Line } from '../line.js';
import type { BenchContext, Part, Row } from '../part.js';
import { perMessage, type Sample, startLoad, SUMS, takeSample } from '../steady-load.js';

/** The model is made of the first ones, and has to foretell the last. */
const RATES = { model: [10, 30, 140], check: 80 };
const MOST_OFF = 0.25;
/** What a restaurant sends a day, and the share of it in its busiest hour. */
const A_DAY = 500;
const PEAK_SHARE = 0.12;

interface Stretch {
  readonly rate: number;
  readonly samples: readonly [Sample, Sample];
}

/** What the parts of the system cost at several rates, and by that at the sizes that nobody has at hand. */
async function run(context: BenchContext): Promise<Row[]> {
  const pipeline = await startPipeline({
    tenants: Array.from({ length: 100 }, (_, n) => `restaurant-${n}`),
    senders: 2,
    cacheMetrics: 1,
    latencyMs: 50,
    env: { GLOBAL_RATE_PER_SECOND: '1000' },
    engines: context.engines,
  });
  const ledger = viewLedger(pipeline.database);
  const redis = new Redis(context.engines.redis);
  const [settleMs, measureMs] = context.quick ? [5_000, 15_000] : [20_000, 60_000];
  const measure = async (rate: number): Promise<Stretch> => {
    const load = startLoad(pipeline, rate);
    const sample = (): Promise<Sample> => takeSample(context, pipeline, ledger, redis, load.posted.length);
    await sleep(settleMs);
    const before = await sample();
    await sleep(measureMs);
    const after = await sample();
    await load.stop();
    if (load.refused.length > 0) throw new Error(`refused at ${rate}/s: ${load.refused[0]}`);
    context.say(
      `  ${rate}/s: ${((after.messages - before.messages) / (measureMs / 1_000)).toFixed(1)}/s measured`,
    );
    return { rate, samples: [before, after] };
  };
  try {
    // What is done for the first time is done here: caches, plans, connections.
    await measure(RATES.check);
    const model: Stretch[] = [];
    for (const rate of RATES.model) model.push(await measure(rate));
    return rowsOf(model, await measure(RATES.check));
  } finally {
    redis.disconnect();
    await ledger.close();
    await pipeline.stop();
  }
}

function rowsOf(model: readonly Stretch[], check: Stretch): Row[] {
  const names = Object.keys(check.samples[0].cpuUs);
  const lines = new Map(
    names.map((name) => [name, fitLine(model.map((one) => [one.rate, coresOf(one, name)] as const))]),
  );
  return [
    ...[...lines].map(([name, line]) => checked(name, line, coresOf(check, name))),
    checked(
      'all',
      sumOf([...lines.values()]),
      names.reduce((sum, name) => sum + coresOf(check, name), 0),
    ),
    ...SUMS.map((name) => ({
      what: `growth: a message: ${name}, at ${[...model, check].map(({ rate }) => rate).join(', ')}/s`,
      target: '',
      measured: [...model, check]
        .map(({ samples }) => perMessage(samples, (sample) => sample.sums[name]).toFixed(1))
        .join(', '),
      met: null,
    })),
    ...[1_000, 100_000].map((restaurants) => {
      const peak = (restaurants * A_DAY * PEAK_SHARE) / 3_600;
      const cores = [...lines].map(([name, line]) => `${name} ${at(line, peak).toFixed(2)}`).join(', ');
      return {
        what: `growth: ${restaurants} restaurants of ${A_DAY} messages a day, ${peak.toFixed(0)}/s in the busiest hour, cores`,
        target: '',
        measured: cores,
        met: null,
      };
    }),
  ];
}

/** Cores that this part kept busy. */
function coresOf({ samples: [before, after] }: Stretch, name: string): number {
  const us = (after.cpuUs[name] ?? 0) - (before.cpuUs[name] ?? 0);
  return us / 1_000 / (after.at - before.at);
}

function at({ from, each }: Line, rate: number): number {
  return from + each * rate;
}

function sumOf(lines: readonly Line[]): Line {
  return {
    from: lines.reduce((sum, { from }) => sum + from, 0),
    each: lines.reduce((sum, { each }) => sum + each, 0),
  };
}

function checked(name: string, line: Line, measured: number): Row {
  const foretold = at(line, RATES.check);
  const off = Math.abs(foretold / measured - 1);
  return {
    what: `growth: ${name}: ${(line.from * 100).toFixed(1)} % of a core and ${(line.each * 1e6).toFixed(0)} µs a message`,
    target: `± ${MOST_OFF * 100} % at ${RATES.check}/s`,
    measured: `${(measured * 100).toFixed(1)} %, ${(foretold * 100).toFixed(1)} foretold`,
    ratio: foretold / measured,
    met: name === 'all' ? off <= MOST_OFF : null,
  };
}

export const growth: Part = {
  name: 'growth',
  text: 'what each part costs by the rate, and carried further',
  onlyNamed: true,
  run,
};
