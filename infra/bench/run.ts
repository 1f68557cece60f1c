import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ownKafka, ownPostgres, ownRedis } from '@mersal/testkit';
import type { BenchContext, Part, Row } from './part.js';
import { alone } from './parts/alone.js';
import { consoleViews } from './parts/console.js';
import { growth } from './parts/growth.js';
import { idle } from './parts/idle.js';
import { ingress } from './parts/ingress.js';
import { latency } from './parts/latency.js';
import { manyTenants } from './parts/many-tenants.js';
import { memory } from './parts/memory.js';
import { neighbour } from './parts/neighbour.js';
import { priority } from './parts/priority.js';
import { rate } from './parts/rate.js';
import { redrive } from './parts/redrive.js';
import { replay } from './parts/replay.js';
import { sdkCpu } from './parts/sdk-cpu.js';
import { soak } from './parts/soak.js';
import { takeover } from './parts/takeover.js';
import { cacheReport } from './parts/cache-report.js';
import { telemetry } from './parts/telemetry.js';
import { templateCache } from './parts/template-cache.js';
import { throughput } from './parts/throughput.js';
import { table } from './table.js';

/*
 * npm run bench: what the sender must reach, measured with its peers and limits in one run on one machine.
 *
 *   --only <name>   one part (may be given more than once)
 *   --quick         smaller numbers, fewer rounds: to see that it works, not what is reached
 *   --json          the results on stdout instead of the table
 *   --profile <dir> the senders whose provider answers at once write a CPU profile there
 */
const parts: readonly Part[] = [
  rate,
  neighbour,
  redrive,
  replay,
  priority,
  throughput,
  sdkCpu,
  memory,
  manyTenants,
  takeover,
  latency,
  ingress,
  idle,
  templateCache,
  cacheReport,
  telemetry,
  consoleViews,
  alone,
  growth,
  soak,
];

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const unknown = (values.only ?? []).filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `no part ${unknown.join(', ')}; there are ${parts.map((part) => part.name).join(', ')}\n`,
  );
  process.exit(2);
}
const chosen = parts.filter((part) => values.only?.includes(part.name) ?? part.onlyNamed !== true);
const say = (text: string): void => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
if (values.profile !== undefined) mkdirSync(values.profile, { recursive: true });

/** With --profile only: statements are counted, the plans of slow ones stand in the server's log. */
const PROFILED = {
  shared_preload_libraries: 'pg_stat_statements,auto_explain',
  log_min_messages: 'log',
  'auto_explain.log_min_duration': '20ms',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_parameter_max_length': '80',
  'auto_explain.sample_rate': '0.2',
};
const [kafka, redis, postgres] = await Promise.all([
  ownKafka(),
  ownRedis(),
  ownPostgres({ settings: values.profile === undefined ? {} : PROFILED }),
]);
const context: BenchContext = {
  engines: { kafka: kafka.brokers, redis: redis.url, postgres: postgres.url },
  pids: { kafka: kafka.pid ?? 0, redis: redis.pid ?? 0, postgres: postgres.pid ?? 0 },
  kafkaDirectory: kafka.dir,
  quick: values.quick,
  profileDir: values.profile,
  say,
};
const results: { part: string; rows: Row[]; seconds: number; error?: string }[] = [];
try {
  for (const part of chosen) {
    say(`${part.name}: ${part.text}`);
    const startedAt = performance.now();
    const seconds = (): number => Math.round((performance.now() - startedAt) / 1_000);
    try {
      results.push({ part: part.name, rows: await part.run(context), seconds: seconds() });
    } catch (error) {
      // One part that fails must not hide what the others measured.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      say(text);
      const row: Row = { what: part.name, target: '', measured: 'failed, see above', met: false };
      results.push({ part: part.name, rows: [row], seconds: seconds(), error: text });
    }
  }
} finally {
  if (values.profile !== undefined) copyFileSync(postgres.logFile, join(values.profile, 'postgres.log'));
  await Promise.all([kafka.remove(), redis.remove(), postgres.remove()]);
}

const rows = results.flatMap((result) => result.rows);
const machine = {
  cpus: cpus().length,
  model: cpus()[0]?.model ?? '',
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
const report = { at: new Date().toISOString(), quick: values.quick, machine, results };
const file = fileURLToPath(new URL('../../bench-results.json', import.meta.url));
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else say(`\n${machine.cpus} × ${machine.model}, Node ${machine.node}\n\n${table(rows)}\n`);
process.exit(rows.some((row) => row.met === false) ? 1 : 0);
