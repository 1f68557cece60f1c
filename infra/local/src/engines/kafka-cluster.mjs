import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { EngineError } from './engine-error.mjs';
import { handle } from './engine-process.mjs';
import { choosePort } from './free-port.mjs';
import { activeController } from './kafka-quorum.mjs';
import { kafkaInstallation, kafkaProcess } from './kafka-server.mjs';

const ATTEMPTS = 4;

/**
 * Kafka of several brokers on loopback, data in `dir`: each node is broker and controller, every topic is on three of them
 * unless its maker says otherwise, and a write counts once two have it. Each can be killed, frozen and started by itself.
 * @param {object} options
 * @param {string} options.dir
 * @param {number} [options.nodes] default 3
 * @param {'error' | 'warn' | 'info'} [options.log] how much each writes to `dir`/kafka-<n>/kafka-<n>.log (default warn)
 * @param {number} [options.heapMb] of each; default 256
 * @param {import('./kafka-server.mjs').ServerProperties} [options.properties] of every server; they win over its own
 * @param {string} [options.cacheDir]
 * @param {(done: string) => void} [options.onProgress]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @throws {EngineError}
 */
export async function startKafkaCluster({
  dir,
  nodes = 3,
  log = 'warn',
  heapMb = 256,
  properties = {},
  cacheDir,
  onProgress,
  env,
}) {
  const installation = await kafkaInstallation({ cacheDir, env, onProgress });
  const clusterId = randomBytes(16).toString('base64url');
  for (let attempt = 1; ; attempt += 1) {
    const ports = await choosePorts(2 * nodes);
    const ids = Array.from({ length: nodes }, (_, n) => n + 1);
    const controllers = new Map(ids.map((id) => [id, /** @type {number} */ (ports[nodes + id - 1])]));
    const nodeOf = async (/** @type {number} */ nodeId) => {
      const name = `kafka-${nodeId}`;
      const port = /** @type {number} */ (ports[nodeId - 1]);
      const engine = await kafkaProcess({
        installation,
        name,
        dir: join(dir, name),
        nodeId,
        port,
        controllers,
        clusterId,
        log,
        heapMb,
        properties,
      });
      return handle(engine, { nodeId, port });
    };
    const brokers = await Promise.all(ids.map(nodeOf));
    // None is ready before most of them are there.
    const started = await Promise.allSettled(brokers.map((one) => one.start()));
    const failures = started.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    if (failures.length === 0) return clusterOf(dir, brokers);
    await Promise.all(brokers.map((one) => one.kill()));
    const taken = failures.find((error) => error instanceof EngineError && error.code === 'port_taken');
    if (taken === undefined || attempt === ATTEMPTS) throw taken ?? failures[0];
  }
}

/**
 * @typedef {ReturnType<typeof handle<{ nodeId: number, port: number }>>} KafkaNode
 */

/** @param {string} dir @param {readonly KafkaNode[]} nodes */
function clusterOf(dir, nodes) {
  return {
    dir,
    nodes,
    /** `host:port` of each. */
    brokers: nodes.map(({ port }) => `127.0.0.1:${port}`),
    /**
     * The node that is the active controller now, by what the nodes that run say. Rejects while there is none.
     * @returns {Promise<KafkaNode>}
     */
    controller: async () => {
      const id = await Promise.any(
        nodes.filter(({ running }) => running).map(({ port }) => activeController(port)),
      );
      const found = nodes.find(({ nodeId }) => nodeId === id);
      if (found === undefined) throw new Error('the cluster has no active controller');
      return found;
    },
    /** Kills all at once. */
    kill: async () => {
      await Promise.all(nodes.map((one) => one.kill()));
    },
  };
}

/** @param {number} count */
async function choosePorts(count) {
  /** @type {number[]} */
  const ports = [];
  while (ports.length < count) ports.push(await choosePort(0, { except: new Set(ports) }));
  return ports;
}
