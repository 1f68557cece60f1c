import { randomBytes } from 'node:crypto';
import {
  encodeEvent,
  encodeHeaders,
  messageId,
  parseIdKeys,
  partitionFor,
  randomU,
  topicNames,
} from '@mersal/contracts';
import { createPublisher, type OutRecord } from '@mersal/kafka';
import { customer, orderText } from '../pipeline/test/orders.js';

/** Where messages go: a pipeline, or a stage. */
export interface Target {
  readonly queue: string;
  readonly env: Readonly<Record<string, string>>;
  readonly tenants: readonly { readonly restaurantId: string; readonly fromNumber: string }[];
}

export interface Backlog {
  readonly messages: number;
  /** Each of these restaurants gets its share, in turns. Default: all of the target. */
  readonly restaurants?: readonly string[];
  readonly conversationsEach: number;
}

const AT_ONCE = 500;

/** Puts messages straight into the log, as ingress would after a POST. Returns their ids, in order. */
export async function publishBacklog(target: Target, backlog: Backlog): Promise<string[]> {
  const keys = parseIdKeys(target.env['ID_KEYS'] as string);
  const tenants = target.tenants.filter((t) => backlog.restaurants?.includes(t.restaurantId) ?? true);
  const ids: string[] = [];
  const record = (n: number): OutRecord => {
    const tenant = tenants[n % tenants.length] as Target['tenants'][number];
    const lane = Math.floor(n / tenants.length) % backlog.conversationsEach;
    const id = messageId(keys, tenant.restaurantId, randomU());
    ids.push(id);
    return sendRecord(target, tenant, { id, lane, text: orderText(n) });
  };
  const publisher = await createPublisher({
    connection: {
      brokers: (target.env['KAFKA_BROKERS'] as string).split(','),
      clientId: 'bench',
      logger: { debug: ignore, info: ignore, warn: complain, error: complain },
    },
  });
  try {
    for (let from = 0; from < backlog.messages; from += 10 * AT_ONCE) {
      const many = Math.min(10 * AT_ONCE, backlog.messages - from);
      const calls: Promise<void>[] = [];
      for (let at = 0; at < many; at += AT_ONCE) {
        const records = Array.from({ length: Math.min(AT_ONCE, many - at) }, (_, n) => record(from + at + n));
        calls.push(publisher.publish(records, { deadlineMs: 30_000 }));
      }
      await Promise.all(calls);
    }
  } finally {
    await publisher.close();
  }
  return ids;
}

/** A send as ingress writes it into the log. */
export function sendRecord(
  target: Target,
  tenant: Target['tenants'][number],
  { id, lane, text }: { readonly id: string; readonly lane: number; readonly text: string },
): OutRecord {
  const now = Date.now();
  return {
    topic: topicNames(target.queue).send,
    partition: partitionFor(tenant.restaurantId, Number(target.env['TOPIC_PARTITIONS'])),
    key: tenant.restaurantId,
    value: encodeEvent('mersal.send.requested.v1', {
      restaurantId: tenant.restaurantId,
      messageId: id,
      conversationId: `table-${lane}`,
      to: `whatsapp:${customer(lane)}`,
      from: tenant.fromNumber,
      content: { kind: 'text', text },
      priority: 5,
      acceptedAt: now,
      bodyHash: randomBytes(32).toString('hex'),
    }),
    headers: encodeHeaders({
      id,
      type: 'mersal.send.requested.v1',
      source: 'ingress/bench',
      time: now,
      subject: tenant.restaurantId,
      traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
    }),
  };
}

function ignore(): void {
  // Kafka's chatter of a connection that comes and goes says nothing here.
}

function complain(fields: object, message: string): void {
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
}
