import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { EngineProcess } from './engine-process.mjs';
import { defaultCacheDir, javaArtifacts } from './java-artifacts.mjs';
import { findJava } from './java.mjs';
import { probeKafka } from './kafka-probe.mjs';

const run = promisify(execFile);

/** @typedef {Readonly<Record<string, string | number | boolean>>} ServerProperties Kafka's own names and values */

/**
 * Java and Kafka's jars, as every process of it needs them.
 * @typedef {{ java: string, libs: string, env: NodeJS.ProcessEnv }} KafkaInstallation
 */

/**
 * @param {{ cacheDir?: string | undefined, env?: NodeJS.ProcessEnv | undefined, onProgress?: ((done: string) => void) | undefined }} options
 * @returns {Promise<KafkaInstallation>}
 */
export async function kafkaInstallation({ cacheDir = defaultCacheDir, env = process.env, onProgress }) {
  const java = await findJava(env);
  const libs = await javaArtifacts({ cacheDir, env, ...(onProgress && { onProgress }) });
  return { java, libs, env };
}

/**
 * One process that is broker and controller (KRaft). Groups form without the usual wait; topics exist only when somebody
 * made them.
 * @param {object} options
 * @param {number} options.nodeId
 * @param {string} options.data
 * @param {number} options.port
 * @param {ReadonlyMap<number, number>} options.controllers their ports by node id
 * @param {ServerProperties} options.properties wins over what is here
 */
function serverProperties({ nodeId, data, port, controllers, properties }) {
  const replicas = controllers.size;
  const inSync = replicas >= 3 ? 2 : 1;
  const all = {
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': [...controllers].map(([id, at]) => `${id}@127.0.0.1:${at}`).join(),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllers.get(nodeId)}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
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
    ...properties,
  };
  return `${Object.entries(all)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** Warnings to standard output, which is the log file.
 * @param {string} level @param {Readonly<Record<string, string>>} loggers */
const log4j = (level, loggers) => `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d{ISO8601} %p %c{1} %m%n"/></Console></Appenders>
  <Loggers>${Object.entries(loggers)
    .map(([name, of]) => `<Logger name="${name}" level="${of}"/>`)
    .join('')}<Root level="${level}"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
`;

/**
 * The process of one node, not started yet, its data directory formatted.
 * @param {object} options
 * @param {KafkaInstallation} options.installation
 * @param {string} options.name
 * @param {string} options.dir
 * @param {number} options.nodeId
 * @param {number} options.port
 * @param {ReadonlyMap<number, number>} options.controllers their ports by node id, this one's among them
 * @param {string} options.clusterId the same for all nodes
 * @param {string} options.log
 * @param {Readonly<Record<string, string>>} [options.loggers] levels of single loggers
 * @param {number} options.heapMb
 * @param {ServerProperties} options.properties
 * @param {readonly string[]} [options.scram] users made with the data
 */
export async function kafkaProcess(options) {
  const { installation, name, dir, nodeId, port, controllers, clusterId, log, heapMb, properties } = options;
  const { loggers = {}, scram = [] } = options;
  const { java, libs, env } = installation;
  const data = join(dir, 'data');
  const config = join(dir, 'server.properties');
  const logConfig = join(dir, 'log4j2.xml');
  mkdirSync(dir, { recursive: true });
  writeFileSync(logConfig, log4j(log, loggers));
  writeFileSync(config, serverProperties({ nodeId, data, port, controllers, properties }));
  const jvm = [`-Dlog4j2.configurationFile=${logConfig}`, '-Djava.awt.headless=true', '-cp', join(libs, '*')];
  await format({ java, jvm, config, data, clusterId, scram });
  return new EngineProcess({
    name,
    dir,
    command: java,
    args: [`-Xmx${heapMb}m`, '-XX:+ExitOnOutOfMemoryError', ...jvm, 'kafka.Kafka', config],
    env,
    probe: () => probeKafka(port),
    portTaken: /Address already in use|BindException/,
    stopTimeoutMs: 30_000,
  });
}

/** Gives an empty data directory its cluster id; one that a crash left half formatted is formatted anew.
 * @param {{ java: string, jvm: string[], config: string, data: string, clusterId: string, scram: readonly string[] }} options */
async function format({ java, jvm, config, data, clusterId, scram }) {
  if (existsSync(join(data, 'bootstrap.checkpoint')) && existsSync(join(data, 'meta.properties'))) return;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  await run(
    java,
    [
      '-XX:TieredStopAtLevel=1',
      ...jvm,
      'kafka.tools.StorageTool',
      'format',
      `--cluster-id=${clusterId}`,
      '-c',
      config,
      ...scram.flatMap((user) => ['--add-scram', user]),
    ],
    { timeout: 120_000 },
  );
}
