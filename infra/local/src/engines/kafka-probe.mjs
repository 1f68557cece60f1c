import { ask } from './loopback-socket.mjs';

/**
 * Asks a broker, in Kafka's own protocol, whether it is ready to serve: it names itself in the cluster's metadata (an
 * open port says less: the listener opens before the broker is let into the cluster), and has a coordinator for groups
 * (a fresh cluster first makes the offsets topic, and answers NOT_COORDINATOR until then).
 */

const METADATA = 3;
const FIND_COORDINATOR = 10;
const CLIENT = Buffer.from('readiness');

/**
 * @param {number} key
 * @param {number} version
 * @param {Buffer} body
 */
function request(key, version, body) {
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + CLIENT.length + body.length, 0);
  header.writeInt16BE(key, 4);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(1, 8);
  header.writeInt16BE(CLIENT.length, 12);
  return Buffer.concat([header, CLIENT, body]);
}

/** The payload after length and correlation id, once it is whole.
 * @param {Buffer} received */
function payload(received) {
  if (received.length < 4) return undefined;
  const length = received.readInt32BE(0);
  return received.length < 4 + length ? undefined : received.subarray(8, 4 + length);
}

/** The ports of the brokers that are in the cluster, by what the one at `port` knows.
 * @param {number} port */
async function brokerPorts(port) {
  // Version 4: topics (an empty list: none), allow_auto_topic_creation. The answer: throttle time, then the brokers.
  const body = Buffer.from([0, 0, 0, 0, 0]);
  const answer = await ask({ port, bytes: request(METADATA, 4, body), parse: payload });
  const ports = [];
  let at = 8;
  for (let left = answer.readInt32BE(4); left > 0; left -= 1) {
    // Node id, host, port, rack (null: length -1).
    at += 4;
    at += 2 + answer.readInt16BE(at);
    ports.push(answer.readInt32BE(at));
    at += 4;
    at += 2 + Math.max(answer.readInt16BE(at), 0);
  }
  return ports;
}

/** @param {number} port */
async function coordinatorError(port) {
  const group = Buffer.from('readiness');
  const body = Buffer.alloc(2 + group.length + 1);
  body.writeInt16BE(group.length, 0);
  group.copy(body, 2);
  // Version 1: key, key type (0: a group). The answer: throttle time, then the error code.
  return ask({
    port,
    bytes: request(FIND_COORDINATOR, 1, body),
    parse: (received) => payload(received)?.readInt16BE(4),
  });
}

/**
 * Rejects while the broker is not ready.
 * @param {number} port
 * @returns {Promise<void>}
 */
export async function probeKafka(port) {
  if (!(await brokerPorts(port)).includes(port)) throw new Error('the broker is not in the cluster yet');
  const error = await coordinatorError(port);
  if (error !== 0) throw new Error(`no group coordinator yet (error ${error})`);
}
