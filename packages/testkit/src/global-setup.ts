import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { endLeftover, livingPid, startKafka, startPostgres, startRedis, writePidFile } from '@mersal/local';

import type { EngineAddresses } from './engines.js';
import { ADDRESSES_VARIABLE, randomName, runsDirectory } from './engines.js';

/**
 * Starts one Kafka, Redis and Postgres for a whole test run, and returns what ends them. With MERSAL_TEST_ENGINES set
 * already (a run inside a run, or engines kept warm), those are used and left alone.
 */
export default async function startEngines(): Promise<() => Promise<void>> {
  if (process.env[ADDRESSES_VARIABLE] !== undefined) return async () => {};
  await sweep();
  const run = join(runsDirectory, randomName('run'));
  writePidFile(join(run, 'run.pid'), process.pid);
  const note = (text: string) => process.stderr.write(`engines: ${text}\n`);
  // Port 0: none is wanted, so that a running `npm start` keeps its own.
  const started = await Promise.allSettled([
    startKafka({ dir: join(run, 'kafka'), port: 0, controllerPort: 0, onProgress: note }),
    startRedis({ dir: join(run, 'redis'), port: 0, onProgress: note }),
    startPostgres({ dir: join(run, 'postgres'), port: 0, onProgress: note }),
  ]);
  const stop = async () => {
    await Promise.all(
      started.map((engine) => (engine.status === 'fulfilled' ? engine.value.kill() : undefined)),
    );
    rmSync(run, { recursive: true, force: true });
    await sweep();
  };
  const [kafka, redis, postgres] = started;
  if (kafka.status === 'rejected' || redis.status === 'rejected' || postgres.status === 'rejected') {
    const faults = started.flatMap((engine) => (engine.status === 'rejected' ? [engine.reason] : []));
    await stop();
    throw new AggregateError(faults, `the engines did not start: ${faults.map(String).join('; ')}`);
  }
  const addresses: EngineAddresses = {
    kafka: kafka.value.brokers,
    redis: redis.value.url,
    postgres: postgres.value.url,
  };
  process.env[ADDRESSES_VARIABLE] = JSON.stringify(addresses);
  return async () => {
    delete process.env[ADDRESSES_VARIABLE];
    await stop();
  };
}

/** Ends and removes what runs left that were killed. */
async function sweep(): Promise<void> {
  if (!existsSync(runsDirectory)) return;
  for (const entry of readdirSync(runsDirectory)) {
    const run = join(runsDirectory, entry);
    if (livingPid(join(run, 'run.pid')) !== undefined) continue;
    for (const engine of readdirSync(run, { withFileTypes: true }).flatMap((at) =>
      at.isDirectory() ? [at.name] : [],
    ))
      for (const name of ['kafka', 'redis', 'postgres'])
        await endLeftover(join(run, engine, `${name}.pid`), { signal: 'SIGKILL' });
    rmSync(run, { recursive: true, force: true });
  }
}
