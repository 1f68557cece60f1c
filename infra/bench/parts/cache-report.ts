import { openDatabase } from '@mersal/ledger';
import { type Pipeline, startPipeline } from '@mersal/testkit';
import type { BenchContext, Part, Row } from '../part.js';
import { percentile } from '../spread.js';

const MOST_MS = 5;
/** More keys than the report names, each with a whole window of panes. */
const KEYS = 2_000;
const PANES = 30;
const WARM_UP = 300;

/** GET /api/cache/metrics of a large cache, beside the least that the same server can answer. */
async function run(context: BenchContext): Promise<Row[]> {
  const asked = context.quick ? 300 : 3_000;
  const pipeline = await startPipeline({ tenants: ['restaurant-0'], engines: context.engines });
  try {
    await fill(pipeline.env['DATABASE_URL'] ?? '');
    const took = async (path: string): Promise<number> => {
      const from = performance.now();
      await (await fetch(`${pipeline.ingress}${path}`)).arrayBuffer();
      return performance.now() - from;
    };
    const report: number[] = [];
    const bare: number[] = [];
    let before = { within: 0, all: 0 };
    for (let n = 0; n < asked + WARM_UP; n += 1) {
      if (n === WARM_UP) before = await atTheService(pipeline);
      const one = [await took('/api/cache/metrics'), await took('/nothing-here')] as const;
      // Not in step with how long an answer is kept.
      await new Promise((next) => setTimeout(next, 3 + ((n * 37) % 23)));
      if (n < WARM_UP) continue;
      report.push(one[0]);
      bare.push(one[1]);
    }
    const after = await atTheService(pipeline);
    const within = (after.within - before.within) / (after.all - before.all);
    const shown = (all: number[]): string =>
      [0.5, 0.99].map((p) => percentile(all, p).toFixed(1)).join(' and ');
    return [
      {
        what: `GET /api/cache/metrics of ${KEYS} keys: answered within ${MOST_MS} ms, by the service's own histogram`,
        target: '≥ 99 %',
        measured: `${(within * 100).toFixed(2)} %`,
        met: within >= 0.99,
      },
      {
        what: `the same seen by its caller, p50 and p99 (an unknown path: ${shown(bare)} ms)`,
        target: '',
        measured: `${shown(report)} ms`,
        ratio: percentile(report, 0.99) / percentile(bare, 0.99),
        met: null,
      },
    ];
  } finally {
    await pipeline.stop();
  }
}

/** Answers so far, and how many of them within MOST_MS: the histogram has a bound there. */
async function atTheService(pipeline: Pipeline): Promise<{ within: number; all: number }> {
  const probes = pipeline.services.get('ingress-1')?.url;
  const lines = (await (await fetch(`${probes}/metrics`)).text()).split('\n');
  const sum = (name: string, ...labels: string[]): number =>
    lines
      .filter((line) => line.startsWith(`${name}{`))
      .filter((line) => ['route="/api/cache/metrics"', ...labels].every((label) => line.includes(label)))
      .reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  return {
    within: sum('mersal_http_duration_bucket', `le="${MOST_MS / 1_000}"`),
    all: sum('mersal_http_duration_count'),
  };
}

async function fill(url: string): Promise<void> {
  const database = openDatabase({ url, max: 1, application: 'bench', onError: () => {} });
  try {
    await database.run({
      name: 'bench-fill-totals',
      text: `
        insert into cache_total (key, hits, misses, creations, late, first_at)
        select 'template_' || n, 1000 + n, n % 50, 1, 0, now() from generate_series(1, $1::int) n`,
      values: [KEYS],
    });
    await database.run({
      name: 'bench-fill-panes',
      text: `
        insert into cache_pane (key, tenant, pane, hits, misses, creations, late)
        select 'template_' || n, 'r' || n % 20, date_bin('10 s', now(), 'epoch') - p * interval '10 s', 9, 1, 0, 0
          from generate_series(1, $1::int) n, generate_series(0, $2::int - 1) p`,
      values: [KEYS, PANES],
    });
    await database.run({ name: 'bench-analyze', text: 'analyze cache_total, cache_pane', values: [] });
  } finally {
    await database.close();
  }
}

export const cacheReport: Part = {
  name: 'cache-report',
  text: 'how soon the cache metrics answer',
  run,
};
