import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { EngineProcess, handle, startOnFreePort } from './engine-process.mjs';
import { choosePort } from './free-port.mjs';
import { defaultCacheDir, javaArtifacts } from './java-artifacts.mjs';
import { findJava } from './java.mjs';
import { probeKafka } from './kafka-probe.mjs';

const run = promisify(execFile);

/**
 * One process that is broker and controller (KRaft). Replication factors are 1, as there is one; groups form without the
 * usual wait; topics exist only when somebody made them.
 * @param {{ data: string, port: number, controllerPort: number }} options
 */
function serverProperties({ data, port, controllerPort }) {
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    'auto.create.topics.enable': false,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker is let in again once its session has ended: 9 s by default.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 500,
    'group.min.session.timeout.ms': 1_000,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    'log.index.size.max.bytes': 1024 * 1024,
  };
  return `${Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** Warnings to standard output, which is the log file.
 * @param {string} level */
const log4j = (level) => `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d{ISO8601} %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="${level}"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
`;

/**
 * Kafka on loopback, data in `dir`.
 * @param {object} options
 * @param {string} options.dir
 * @param {number} [options.port] wanted; default 9092; a free one is chosen when it is taken
 * @param {number} [options.controllerPort] wanted; default 9093
 * @param {'error' | 'warn' | 'info'} [options.log] how much it writes to `dir`/kafka.log (default warn)
 * @param {number} [options.heapMb] default 512
 * @param {string} [options.cacheDir]
 * @param {(done: string) => void} [options.onProgress]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @throws {EngineError}
 */
export async function startKafka({
  dir,
  port: wanted = 9092,
  controllerPort: wantedController = 9093,
  log = 'warn',
  heapMb = 512,
  cacheDir = defaultCacheDir,
  onProgress,
  env = process.env,
}) {
  const java = await findJava(env);
  const libs = await javaArtifacts({ cacheDir, env, ...(onProgress && { onProgress }) });
  const data = join(dir, 'data');
  const config = join(dir, 'server.properties');
  const logConfig = join(dir, 'log4j2.xml');
  mkdirSync(dir, { recursive: true });
  writeFileSync(logConfig, log4j(log));
  const jvm = [`-Dlog4j2.configurationFile=${logConfig}`, '-Djava.awt.headless=true', '-cp', join(libs, '*')];

  let port = wanted;
  const engine = await startOnFreePort(async (except) => {
    port = await choosePort(wanted, { except });
    const controllerPort = await choosePort(wantedController, { except: new Set([...except, port]) });
    writeFileSync(config, serverProperties({ data, port, controllerPort }));
    await format({ java, jvm, config, data });
    const args = [`-Xmx${heapMb}m`, '-XX:+ExitOnOutOfMemoryError', ...jvm, 'kafka.Kafka', config];
    const spec = { name: 'kafka', dir, command: java, args, env, probe: () => probeKafka(port) };
    const process = new EngineProcess({
      ...spec,
      portTaken: /Address already in use|BindException/,
      stopTimeoutMs: 30_000,
    });
    return { process, ports: [port, controllerPort] };
  });
  return handle(engine, { port, brokers: [`127.0.0.1:${port}`] });
}

/** Gives an empty data directory its cluster id; one that a crash left half formatted is formatted anew.
 * @param {{ java: string, jvm: string[], config: string, data: string }} options */
async function format({ java, jvm, config, data }) {
  if (existsSync(join(data, 'bootstrap.checkpoint')) && existsSync(join(data, 'meta.properties'))) return;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const id = randomBytes(16).toString('base64url');
  await run(
    java,
    [
      '-XX:TieredStopAtLevel=1',
      ...jvm,
      'kafka.tools.StorageTool',
      'format',
      `--cluster-id=${id}`,
      '-c',
      config,
    ],
    {
      timeout: 120_000,
    },
  );
}
