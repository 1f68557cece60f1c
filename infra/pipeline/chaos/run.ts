import { parseArgs } from 'node:util';
import {
  checkConcurrency,
  checkNoDouble,
  checkNoLoss,
  checkOrder,
  checkRate,
  ownKafka,
  ownPostgres,
  ownRedis,
  startPipeline,
  type Violations,
} from '@mersal/testkit';
import pg from 'pg';
import { type Targets, pickFault } from './faults.js';
import { startLoad } from './load.js';
import { seeded } from './seeded.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    messages: { type: 'string', default: '5000' },
    senders: { type: 'string', default: '3' },
    tenants: { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const messages = Number(values.messages);
const random = seeded(seed);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** Every fault is over by then, and every reconciliation made, in ms. */
const QUIET_MS = 240_000;
const TIMEOUT_MS = 3_000;

say(`chaos: seed ${seed}, ${messages} messages, ${values.senders} senders, ${values.tenants} restaurants`);
const [kafka, redis, postgres] = await Promise.all([ownKafka(), ownRedis(), ownPostgres()]);
const pipeline = await startPipeline({
  tenants: Array.from({ length: Number(values.tenants) }, (_, n) => `restaurant-${n}`),
  senders: Number(values.senders),
  latencyMs: 80,
  engines: { kafka: kafka.brokers, redis: redis.url, postgres: postgres.url },
  env: {
    TWILIO_TIMEOUT_MS: String(TIMEOUT_MS),
    RECONCILE_GRACE_MS: '1000',
    RECONCILE_PAUSE_MS: '1000',
    QUEUE_BACKOFF_DELAY: '500',
    QUEUE_RETRY_ATTEMPTS: '10',
  },
});
const targets: Targets = { pipeline, kafka, redis, postgres };
const startedAt = performance.now();
const clock = (): string => `${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s`;
let failed = false;
try {
  const load = startLoad(pipeline, { messages, lanesPerTenant: 8 });
  // Faults go on while messages do: until nearly all have reached the provider.
  const busy = async (): Promise<boolean> => {
    const stats = await pipeline.simulator.stats().catch(() => undefined);
    return (stats?.accepted ?? 0) < messages * 0.9;
  };
  const injected = new Map<string, number>();
  while (await busy()) {
    await new Promise((next) => setTimeout(next, 500 + random() * 2_000));
    const fault = pickFault(random);
    const what = await fault.inject(targets, random);
    injected.set(fault.name, (injected.get(fault.name) ?? 0) + 1);
    say(`${clock()}  ${fault.name}: ${what}   (${load.posted.length} accepted, ${load.refused} refused)`);
  }
  await load.done;
  await pipeline.simulator.faults({});
  say(`${clock()}  all ${load.posted.length} are accepted, the faults are over; waiting until all are final`);
  const states = await untilFinal(load.posted.length);
  const requests = await pipeline.simulator.requests();
  const tags = (violations: Violations): string =>
    violations.length === 0 ? 'held' : `BROKEN, ${violations.length} times`;
  const checks: readonly (readonly [string, Violations])[] = [
    ['1 no loss', checkNoLoss(load.posted, requests, states)],
    ['2 no double send', checkNoDouble(requests)],
    ['3 conversation order', checkOrder(load.posted, requests)],
    ['4 tenant concurrency', checkConcurrency(requests, 5, TIMEOUT_MS)],
    ['5 global rate', checkRate(requests, 80)],
  ];
  say(`\ninjected: ${[...injected].map(([name, times]) => `${times} × ${name}`).join(', ')}`);
  const count = new Map<string, number>();
  for (const state of states.values()) count.set(state, (count.get(state) ?? 0) + 1);
  say(
    `messages: ${[...count].map(([state, times]) => `${times} ${state}`).join(', ')}; ${requests.length} requests at the provider`,
  );
  for (const [name, violations] of checks) {
    say(`  ${name.padEnd(24)} ${tags(violations)}`);
    for (const violation of violations.slice(0, 10)) say(`      ${violation}`);
    if (violations.length > 0) failed = true;
  }
  if (failed) say(`\nagain: npm run chaos -- --seed ${seed} --messages ${messages}`);
  if (values.json)
    say(
      JSON.stringify({
        seed,
        messages,
        injected: [...injected],
        states: [...count],
        broken: checks.filter(([, v]) => v.length > 0).map(([name]) => name),
      }),
    );
} finally {
  await pipeline.stop();
  await Promise.all([kafka.remove(), redis.remove(), postgres.remove()]);
}
process.exit(failed ? 1 : 0);

/** The state of every message once none moves any more. */
async function untilFinal(expected: number): Promise<Map<string, string>> {
  const client = new pg.Pool({ connectionString: pipeline.database, max: 1 });
  client.on('error', () => undefined);
  const deadline = performance.now() + QUIET_MS;
  try {
    for (;;) {
      const { rows } = await client.query<{ id: string; state: number; error_class: string | null }>(
        "select replace(u::text, '-', '') || '-' || tag as id, state, error_class from message",
      );
      const waiting = rows.filter(
        (row) => row.state < 10 && !(row.state === 5 && row.error_class === 'undecided'),
      );
      if (rows.length >= expected && waiting.length === 0)
        return new Map(rows.map((row) => [row.id, nameOf(row.state)]));
      if (performance.now() > deadline) {
        say(`${clock()}  ${waiting.length} messages are still not final`);
        return new Map(rows.map((row) => [row.id, nameOf(row.state)]));
      }
      await new Promise((next) => setTimeout(next, 1_000));
    }
  } finally {
    await client.end();
  }
}

function nameOf(state: number): string {
  const names: Readonly<Record<number, string>> = {
    0: 'waiting',
    2: 'retrying',
    3: 'scheduled',
    4: 'held',
    5: 'unknown',
    10: 'sent',
    11: 'failed',
    12: 'delivered',
    13: 'read',
    20: 'dead',
    21: 'cancelled',
    22: 'expired',
    23: 'refused',
  };
  return names[state] ?? String(state);
}
