/**
 * `npm run images:smoke`: the whole pipeline once, every service of ours in a container of its own that can write nothing, with the
 * engines of infra/local on this machine's loopback. The images must be there: `npm run images`. What follows a second `--` goes to the
 * engine's run.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { choosePort, startKafka, startPostgres, startRedis } from '@mersal/local';
import { Containers } from './containers.mjs';
import { deliver } from './deliver.mjs';
import { findEngine } from './engine.mjs';

const { values, positionals } = parseArgs({
  options: {
    engine: { type: 'string' },
    repository: { type: 'string', default: 'mersal' },
  },
  allowPositionals: true,
});
const runs = join(import.meta.dirname, '..', '..', '.local', 'images-smoke');
mkdirSync(runs, { recursive: true });
const place = mkdtempSync(join(runs, 'run-'));
const containers = new Containers({
  engine: findEngine(values.engine),
  repository: values.repository,
  options: positionals,
});
/** @type {{ kill(): Promise<void> }[]} */
const engines = [];
/** @template {{ kill(): Promise<void> }} T @param {Promise<T>} starting */
const keep = async (starting) => {
  const engine = await starting;
  engines.push(engine);
  return engine;
};

try {
  const [kafka, redis, postgres] = await Promise.all([
    keep(startKafka({ dir: join(place, 'kafka'), port: 0, controllerPort: 0 })),
    keep(startRedis({ dir: join(place, 'redis'), port: 0 })),
    keep(startPostgres({ dir: join(place, 'postgres'), port: 0 })),
  ]);
  const [api, twilio] = [await choosePort(), await choosePort()];
  const env = {
    KAFKA_BROKERS: kafka.brokers.join(','),
    REDIS_URL: redis.url,
    DATABASE_URL: postgres.url,
    TOPIC_PARTITIONS: '12',
    TOPIC_REPLICATION: '1',
    CREDENTIALS_KEY: Buffer.alloc(32, 1).toString('base64'),
    ID_KEYS: `1:${Buffer.alloc(32, 2).toString('base64')}`,
    TWILIO_API_BASE_URL: `http://127.0.0.1:${twilio}`,
    PUBLIC_URL: `http://127.0.0.1:${api}`,
    HOST: '127.0.0.1',
    PROBE_HOST: '127.0.0.1',
  };
  for (const args of [
    ['migrate', 'deploy'],
    ['topics', 'ensure'],
    ['tenants', 'seed', '--file', '/demo/demo-tenants.json'],
  ])
    await containers.runToEnd('cli', env, ['node', 'bin/mersal.mjs', ...args]);
  const simulated = {
    PORT: String(twilio),
    SIMULATOR_ACCOUNTS: '/demo/simulator-accounts.json',
  };
  await containers.start('twilio-simulator', { ...env, ...simulated }, ['node', 'dist/main.js']);
  await Promise.all([
    containers.start('ingress', {
      ...env,
      PORT: String(api),
      INSTANCE: 'ingress-1',
    }),
    containers.start('sender', { ...env, INSTANCE: 'sender-1' }),
    containers.start('cache-metrics', { ...env, INSTANCE: 'cache-metrics-1' }),
  ]);
  const [demo] = JSON.parse(readFileSync(join(import.meta.dirname, 'demo-tenants.json'), 'utf8'));
  const done = await deliver({
    url: env.PUBLIC_URL,
    key: demo.apiKey,
    count: 50,
    limitMs: 60_000,
  });
  console.log(`${done.delivered} delivered within ${done.slowestMs} ms`);
  console.table(await containers.stopAll());
} finally {
  await containers.removeAll();
  await Promise.allSettled(engines.map((engine) => engine.kill()));
  rmSync(place, { recursive: true, force: true });
}
