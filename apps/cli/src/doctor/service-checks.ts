import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '@mersal/config';
import { createPostgresLedger, type QueueCounts, readCacheWindow } from '@mersal/ledger';
import { WINDOW_MS } from '../commands/cache.js';
import { withDatabase } from '../connections.js';
import type { Environment, LocalStack, RunningService } from '../settings.js';
import { bad, examine, examineThrough, type Finding, ok, summed, unknown } from './finding.js';

const PATIENCE_MS = 5_000;
const SLOW_MS = 1_000;
const LEAST_REQUESTS = 20;

export function checkIngress(env: Environment, stack: LocalStack | undefined): Promise<Finding> {
  const name = 'ingress';
  const own = stack?.services.filter((one) => one.name.startsWith('ingress')) ?? [];
  if (own.length > 0) return checkReady(name, own);
  const url = env['MERSAL_URL'];
  if (!url) return Promise.resolve(unknown(name, 'MERSAL_URL is not set', 'set it, or run `npm start`'));
  return examine(name, 'start ingress, and look at MERSAL_URL', async () => {
    const { status } = await metricsRequest(url, env);
    return status < 500
      ? ok(name, `answers at ${new URL(url).host}`)
      : bad(name, `answers HTTP ${status}`, "look at ingress' log and at its /health/ready");
  });
}

/** Senders by their probes where they are known, else by their connections to the ledger. */
export function checkWorkers(env: Environment, stack: LocalStack | undefined): Promise<Finding> {
  const name = 'sender';
  const own = stack?.services.filter((one) => one.name.startsWith('sender')) ?? [];
  if (own.length > 0) return checkReady(name, own);
  return examineThrough('postgres', name, () =>
    withDatabase(env, async (database) => {
      const rows = await database.run({
        name: 'cli-senders',
        text: `
          select distinct application_name as name from pg_stat_activity
           where datname = current_database() and application_name like 'sender %'`,
        values: [],
      });
      return rows.length > 0
        ? ok(name, `${rows.length} connected to the ledger`)
        : bad(name, 'none is connected to the ledger', 'start one: `npm run worker:send`');
    }),
  );
}

export function checkResponseTime(env: Environment): Promise<Finding> {
  const name = 'response time';
  const url = env['MERSAL_URL'];
  if (!url) return Promise.resolve(unknown(name, 'MERSAL_URL is not set', 'set it, or run `npm start`'));
  return examine(name, 'start ingress', async () => {
    // The first request pays for the connection.
    await metricsRequest(url, env);
    const { status, ms } = await metricsRequest(url, env);
    const text = `GET /api/queue/metrics: HTTP ${status} in ${Math.round(ms)} ms`;
    return status < 500 && ms < SLOW_MS
      ? ok(name, text)
      : bad(name, text, 'look at the load of the machine and of Postgres');
  });
}

export function checkQueue(
  env: Environment,
  workers: Finding,
): Promise<[numbers: Finding, failures: Finding]> {
  let failures: Finding = unknown(
    'failed messages',
    'the ledger cannot be read',
    'see the finding on postgres',
  );
  return examineThrough('postgres', 'queue', () =>
    withDatabase(env, async (database) => {
      const counts = await createPostgresLedger(database).counts();
      failures = failureFinding(counts);
      return queueFinding(counts, workers);
    }),
  ).then((numbers) => [numbers, failures]);
}

export function queueFinding(counts: QueueCounts, workers: Finding): Finding {
  const { waiting, active, delayed, completed, failed, held } = counts;
  const text = `waiting ${waiting}, active ${active}, delayed ${delayed}, completed ${completed}, failed ${failed}`;
  if (waiting > 0 && workers.state === 'bad')
    return bad('queue', `${text}; no sender takes them`, 'start one: `npm run worker:send`');
  if (held > 0)
    return bad('queue', `${text}; ${held} are held`, 'see `mersal tenants list` for suspended restaurants');
  return ok('queue', text);
}

/** The reference has less than one in a hundred. */
export function failureFinding({ accepted, failed }: QueueCounts): Finding {
  const name = 'failed messages';
  if (accepted === 0) return unknown(name, 'no message was accepted yet', 'send one');
  const text = `${failed} of ${accepted}, ${((failed / accepted) * 100).toFixed(2)} %`;
  return failed < accepted * 0.01
    ? ok(name, text)
    : bad(name, text, 'look at the dead letters and at their codes');
}

export function checkCache(env: Environment, now: number): Promise<[hitRate: Finding, spikes: Finding]> {
  let spikes: Finding = unknown('cache misses', 'the counts cannot be read', 'see the finding on postgres');
  return examineThrough('postgres', 'cache hit rate', () =>
    withDatabase(env, async (database) => {
      const window = await readCacheWindow(database, now - WINDOW_MS, now + WINDOW_MS);
      spikes = spikeFinding(window);
      const [all] = await database.run({
        name: 'cli-cache-hit-rate',
        text: 'select coalesce(sum(hits), 0) as hits, coalesce(sum(misses), 0) as misses from cache_total',
        values: [],
      });
      return hitRateFinding(Number(all?.['hits']), Number(all?.['misses']));
    }),
  ).then((hitRate) => [hitRate, spikes]);
}

export function hitRateFinding(hits: number, misses: number): Finding {
  const name = 'cache hit rate';
  if (hits + misses === 0)
    return unknown(name, 'no event was counted yet', 'nothing, until templates are used');
  const rate = hits / (hits + misses);
  const text = `${(rate * 100).toFixed(1)} % of ${hits + misses}`;
  return rate > 0.9
    ? ok(name, text)
    : bad(name, text, 'see `mersal cache report` for the key, and whether what is hashed stays the same');
}

export function spikeFinding({ hits, misses }: { readonly hits: number; readonly misses: number }): Finding {
  const name = 'cache misses';
  const rate = misses / (hits + misses);
  const text = hits + misses === 0 ? 'no requests in 5 minutes' : `${(rate * 100).toFixed(1)} % in 5 minutes`;
  return hits + misses >= LEAST_REQUESTS && rate > 0.5
    ? bad(name, text, 'see `mersal cache report`; after a start it passes by itself')
    : ok(name, text);
}

export function checkLogs(env: Environment, stack: LocalStack | undefined): Finding {
  const name = 'logs';
  const { LOG_LEVEL } = readConfig({ LOG_LEVEL: env['LOG_LEVEL'] }, ['LOG_LEVEL']);
  if (LOG_LEVEL === 'silent' || LOG_LEVEL === 'fatal')
    return bad(name, `LOG_LEVEL is ${LOG_LEVEL}`, 'set LOG_LEVEL=info');
  if (!stack) return ok(name, `services write JSON lines to stdout, from ${LOG_LEVEL} on`);
  const path = join(stack.root, 'logs', 'app.log');
  return existsSync(path)
    ? ok(name, `logs/app.log, ${Math.ceil(statSync(path).size / 1024)} KiB, from ${LOG_LEVEL} on`)
    : bad(name, 'there is no logs/app.log', 'restart `npm start`');
}

async function checkReady(name: string, services: readonly RunningService[]): Promise<Finding> {
  const findings = await Promise.all(
    services.map((service) =>
      examine(service.name, `look at the lines of ${service.name} in logs/app.log`, async () => {
        const answer = await fetch(`${service.url}/health/ready`, {
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        return answer.ok
          ? ok(service.name, `${services.map((one) => one.name).join(', ')} ready`)
          : bad(
              service.name,
              `${service.name} is not ready: ${(await answer.text()).slice(0, 300)}`,
              `look at the lines of ${service.name} in logs/app.log`,
            );
      }),
    ),
  );
  return summed(name, findings);
}

async function metricsRequest(url: string, env: Environment): Promise<{ status: number; ms: number }> {
  const token = env['MERSAL_ADMIN_TOKEN'];
  const from = performance.now();
  const answer = await fetch(new URL('/api/queue/metrics', url), {
    signal: AbortSignal.timeout(PATIENCE_MS),
    redirect: 'manual',
    headers: token ? { authorization: `Bearer ${token}` } : {},
  });
  await answer.arrayBuffer();
  return { status: answer.status, ms: performance.now() - from };
}
