import { catalogue, ConfigError, readConfig, type VariableName } from '@mersal/config';
import { topicNames } from '@mersal/contracts';
import { migrationStatus, readInstallation, WHAT_TO_DO_INSTEAD } from '@mersal/ledger';
import { redisTls } from '@mersal/limits';
import type { Logger } from '@mersal/telemetry';
import { Redis } from 'ioredis';
import { topicDrifts, wantedTopics } from '../commands/topics.js';
import { kafkaConnection, withAdmin, withDatabase } from '../connections.js';
import type { Environment } from '../settings.js';
import { bad, examine, examineThrough, type Finding, ok, unknown } from './finding.js';

const MOST_SKEW_MS = 1_000;

export async function checkEnvironment(env: Environment): Promise<Finding> {
  const name = 'environment';
  try {
    readConfig(env, Object.keys(catalogue) as VariableName[]);
    return ok(name, 'every variable is valid');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return bad(name, error.faults.join('; '), 'set them, or run this in the folder of a running `npm start`');
  }
}

export function checkMigrations(env: Environment): Promise<Finding> {
  return examine('postgres', 'start Postgres, and look at DATABASE_URL', async () => {
    const { DATABASE_URL } = readConfig(env, ['DATABASE_URL']);
    const { applied, pending } = await migrationStatus(DATABASE_URL);
    return pending.length === 0
      ? ok('postgres', `reachable, all ${applied.length} migrations applied`)
      : bad('postgres', `${pending.length} migrations wait`, 'run `mersal migrate deploy`');
  });
}

/** The ledger judges leases and due times by its own clock; a caller's clock far from it misreads both. */
export function checkDatabaseClock(env: Environment): Promise<Finding> {
  return examineThrough('postgres', 'postgres clock', () =>
    withDatabase(env, async (database) => {
      const from = Date.now();
      const [row] = await database.run({
        name: 'cli-clock',
        text: 'select extract(epoch from clock_timestamp()) * 1000 as now',
        values: [],
      });
      return skewFinding('postgres clock', Number(row?.['now']), from, Date.now());
    }),
  );
}

export function checkKafka(env: Environment, logger: Logger): Promise<Finding> {
  return examine('kafka', 'start Kafka, and look at KAFKA_BROKERS', () =>
    withAdmin(
      kafkaConnection(env, logger),
      async (admin) => {
        const wanted = wantedTopics(env);
        const have = await admin.describeTopics(wanted.map((one) => one.topic));
        if (have.length < wanted.length)
          return bad(
            'kafka',
            `${wanted.length - have.length} topics are missing`,
            'run `mersal topics ensure`',
          );
        const drifts = topicDrifts(wanted, have);
        return drifts.length === 0
          ? ok('kafka', `reachable, ${have.length} topics as they should be`)
          : bad(
              'kafka',
              `${drifts.length} settings of topics differ`,
              'see `mersal topics status`, and change them by hand: some changes lose records',
            );
      },
      3_000,
    ),
  );
}

export function checkPartitions(env: Environment, logger: Logger): Promise<Finding> {
  const name = 'partition count';
  return examineThrough('postgres', name, async () => {
    const { WHATSAPP_SEND_QUEUE_NAME: queue } = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
    const agreed = await withDatabase(env, (database) => readInstallation(database, queue));
    const { send, retry, callbacks } = topicNames(queue);
    const there = await withAdmin(
      kafkaConnection(env, logger),
      (admin) => admin.partitionCounts([send, retry, callbacks]),
      3_000,
    );
    const other = [...there].find(([, count]) => count !== agreed.partitions);
    return other === undefined
      ? ok(name, `${agreed.partitions}, in Kafka and in the ledger`)
      : bad(name, `${other[0]} has ${other[1]}, the ledger has ${agreed.partitions}`, WHAT_TO_DO_INSTEAD);
  });
}

export async function checkRedis(env: Environment): Promise<[reachable: Finding, clock: Finding]> {
  let clock: Finding = unknown('redis clock', 'Redis cannot be asked', 'see the finding on Redis');
  const reachable = await examine('redis', 'start Redis, and look at REDIS_URL', async () => {
    const { REDIS_URL, REDIS_TLS_CA } = readConfig(env, ['REDIS_URL', 'REDIS_TLS_CA']);
    const redis = new Redis(REDIS_URL, {
      ...redisTls(REDIS_URL, REDIS_TLS_CA),
      lazyConnect: true,
      connectTimeout: 3_000,
      commandTimeout: 3_000,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    // What breaks the connection fails the command as well, which reports it.
    let broken: unknown;
    redis.on('error', (error) => (broken = error));
    try {
      await redis.connect();
      await redis.ping();
      const from = Date.now();
      const [seconds, micros] = await redis.time();
      clock = skewFinding('redis clock', Number(seconds) * 1_000 + Number(micros) / 1_000, from, Date.now());
      return ok('redis', 'answers PING');
    } catch (error) {
      throw broken ?? error;
    } finally {
      redis.disconnect();
    }
  });
  return [reachable, clock];
}

/** The clock may have been read at any moment of the round trip: only what lies outside of it counts. */
export function skewFinding(name: string, theirs: number, sentAt: number, gotAt: number): Finding {
  const skew = theirs < sentAt ? theirs - sentAt : theirs > gotAt ? theirs - gotAt : 0;
  const text = `${Math.abs(Math.round(skew))} ms ${skew < 0 ? 'behind' : 'ahead of'} this machine's`;
  return Math.abs(skew) <= MOST_SKEW_MS
    ? ok(name, skew === 0 ? "agrees with this machine's" : text)
    : bad(name, text, 'let all machines keep their time by NTP');
}
