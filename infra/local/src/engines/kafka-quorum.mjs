import { ask } from './loopback-socket.mjs';

/**
 * Which node is the active controller. Kafka's usual answer about the cluster does not tell: its clients get any broker's
 * name for it. What tells is DescribeQuorum (KIP-595), in the newer form of the protocol: lengths are one more than they
 * are, as varints, and structures end in tagged fields, of which there are none here.
 */

const DESCRIBE_QUORUM = 55;
const TOPIC = '__cluster_metadata';

/** @param {number} port of any broker */
export async function activeController(port) {
  const client = Buffer.from('quorum');
  const none = 0;
  const body = Buffer.concat([
    // One topic…
    Buffer.from([2, TOPIC.length + 1]),
    Buffer.from(TOPIC),
    // … with one partition, number 0.
    Buffer.from([2, 0, 0, 0, 0, none, none, none]),
  ]);
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + client.length + 1 + body.length, 0);
  header.writeInt16BE(DESCRIBE_QUORUM, 4);
  header.writeInt16BE(0, 6);
  header.writeInt32BE(1, 8);
  header.writeInt16BE(client.length, 12);
  const answer = await ask({
    port,
    bytes: Buffer.concat([header, client, Buffer.from([none]), body]),
    parse: (received) => {
      if (received.length < 4) return undefined;
      const length = received.readInt32BE(0);
      return received.length < 4 + length ? undefined : received.subarray(4, 4 + length);
    },
  });
  // Correlation id and tagged fields; the error; one topic's name; one partition's number, error and leader.
  const error = answer.readInt16BE(5);
  if (error !== 0) throw new Error(`the broker at ${port} does not know the quorum (error ${error})`);
  const partition = 5 + 2 + 1 + 1 + TOPIC.length + 1;
  const partitionError = answer.readInt16BE(partition + 4);
  const leader = answer.readInt32BE(partition + 6);
  if (partitionError !== 0 || leader < 0)
    throw new Error(`the quorum has no leader (error ${partitionError})`);
  return leader;
}
