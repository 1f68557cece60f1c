import { randomBytes } from 'node:crypto';

import { handle, startOnFreePort } from './engine-process.mjs';
import { choosePort } from './free-port.mjs';
import { kafkaInstallation, kafkaProcess } from './kafka-server.mjs';

/**
 * Kafka on loopback, one process, data in `dir`.
 * @param {object} options
 * @param {string} options.dir
 * @param {number} [options.port] wanted; default 9092; a free one is chosen when it is taken
 * @param {number} [options.controllerPort] wanted; default 9093
 * @param {'error' | 'warn' | 'info'} [options.log] how much it writes to `dir`/kafka.log (default warn)
 * @param {Readonly<Record<string, string>>} [options.loggers] levels of single loggers
 * @param {number} [options.heapMb] default 512
 * @param {import('./kafka-server.mjs').ServerProperties} [options.properties] of the server; they win over its own
 * @param {readonly string[]} [options.scram] users made with the data, as `SCRAM-SHA-512=[name=…,password=…]`
 * @param {string} [options.cacheDir]
 * @param {(done: string) => void} [options.onProgress]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @throws {import('./engine-error.mjs').EngineError}
 */
export async function startKafka({
  dir,
  port: wanted = 9092,
  controllerPort: wantedController = 9093,
  log = 'warn',
  loggers = {},
  heapMb = 512,
  properties = {},
  scram = [],
  cacheDir,
  onProgress,
  env,
}) {
  const installation = await kafkaInstallation({ cacheDir, env, onProgress });
  const clusterId = randomBytes(16).toString('base64url');
  let port = wanted;
  const engine = await startOnFreePort(async (except) => {
    port = await choosePort(wanted, { except });
    const controllerPort = await choosePort(wantedController, { except: new Set([...except, port]) });
    const process = await kafkaProcess({
      installation,
      name: 'kafka',
      dir,
      nodeId: 1,
      port,
      controllers: new Map([[1, controllerPort]]),
      clusterId,
      log,
      loggers,
      heapMb,
      properties,
      scram,
    });
    return { process, ports: [port, controllerPort] };
  });
  return handle(engine, { port, brokers: [`127.0.0.1:${port}`] });
}
