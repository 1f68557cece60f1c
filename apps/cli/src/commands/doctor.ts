import type { Logger } from '@mersal/telemetry';
import { checklists, type Findings } from '../doctor/checklists.js';
import {
  checkDatabaseClock,
  checkEnvironment,
  checkKafka,
  checkMigrations,
  checkPartitions,
  checkRedis,
} from '../doctor/engine-checks.js';
import type { Finding } from '../doctor/finding.js';
import {
  checkCache,
  checkIngress,
  checkLogs,
  checkQueue,
  checkResponseTime,
  checkWorkers,
} from '../doctor/service-checks.js';
import { EXIT } from '../exit-codes.js';
import { type Report, report } from '../report.js';
import type { Settings } from '../settings.js';

/** Looks at everything, whatever fails, and says what to do. Exits 1 when something is wrong; what is unknown is no fault. */
export async function doctor({ env, stack }: Settings, logger: Logger, now: () => number): Promise<Report> {
  const [environment, postgres, postgresClock, kafka, partitions, redis, ingress, workers] =
    await Promise.all([
      checkEnvironment(env),
      checkMigrations(env),
      checkDatabaseClock(env),
      checkKafka(env, logger),
      checkPartitions(env, logger),
      checkRedis(env),
      checkIngress(env, stack),
      checkWorkers(env, stack),
    ]);
  const [[queue, failures], [hitRate, spikes], responseTime] = await Promise.all([
    checkQueue(env, workers),
    checkCache(env, now()),
    checkResponseTime(env),
  ]);
  const found: Findings = {
    environment,
    postgres,
    postgresClock,
    kafka,
    partitions,
    redis: redis[0],
    redisClock: redis[1],
    ingress,
    workers,
    responseTime,
    queue,
    failures,
    hitRate,
    spikes,
    logs: checkLogs(env, stack),
  };
  const { deployment, health } = checklists(found);
  const checks: Finding[] = Object.values(found);
  const wrong = checks.filter((one) => one.state === 'bad');
  return report(
    { ok: wrong.length === 0, checks, deployment, health },
    [
      section('Checks', checks),
      section('Deployment checklist', deployment),
      section('Health checklist', health),
      wrong.length === 0
        ? 'nothing is wrong'
        : `${wrong.length} of ${checks.length} checks found something wrong`,
    ].join('\n\n'),
    wrong.length === 0 ? EXIT.ok : EXIT.failed,
  );
}

const SIGN = { ok: '✓', bad: '✗', unknown: '?' } as const;

function section(title: string, findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ name, state, detail, advice }) => [
    `  ${SIGN[state]} ${name}: ${detail}`,
    ...(advice === undefined ? [] : [`      → ${advice}`]),
  ]);
  return [title, ...lines].join('\n');
}
