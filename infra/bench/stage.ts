import { randomBytes } from 'node:crypto';
import { partitionFor, topicNames, topicSettings } from '@mersal/contracts';
import { createAdmin } from '@mersal/kafka';
import { agreePartitions, migrate, openDatabase, parseCredentialKeys, saveTenant } from '@mersal/ledger';
import { freshDatabase, randomName, type ServiceProcess, startService } from '@mersal/testkit';
import type { Target } from './load.js';
import { type BenchContext, profiled } from './part.js';

/** A queue and a database of its own with restaurants, and senders whose provider answers at once. Nothing else runs. */
export interface Stage extends Target {
  readonly database: string;
  startSender(name: string, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  stop(): Promise<void>;
}

const PARTITIONS = 12;
const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields: object, message: string) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  error: (fields: object, message: string) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
};

export async function openStage(
  context: BenchContext,
  options: { readonly tenants: number },
): Promise<Stage> {
  const { kafka, redis, postgres } = context.engines;
  const queue = randomName('bench');
  const database = await freshDatabase('bench', postgres);
  const env: Record<string, string> = {
    KAFKA_BROKERS: kafka.join(','),
    REDIS_URL: redis,
    DATABASE_URL: database,
    WHATSAPP_SEND_QUEUE_NAME: queue,
    TOPIC_PARTITIONS: String(PARTITIONS),
    CREDENTIALS_KEY: randomBytes(32).toString('base64'),
    ID_KEYS: `1:${randomBytes(32).toString('base64')}`,
  };
  const tenants = Array.from({ length: options.tenants }, (_, n) => ({
    restaurantId: `restaurant-${n}`,
    fromNumber: `whatsapp:+1415${String(5_230_000 + n)}`,
  }));
  const ledger = openDatabase({ url: database, max: 10, application: 'bench', onError: () => undefined });
  try {
    await migrate(database);
    await agreePartitions(database, queue, PARTITIONS);
    const credentials = parseCredentialKeys(env['CREDENTIALS_KEY'] as string, '');
    for (let from = 0; from < tenants.length; from += 100) {
      await Promise.all(
        tenants.slice(from, from + 100).map(({ restaurantId, fromNumber }) =>
          saveTenant(ledger, credentials, {
            restaurantId,
            name: restaurantId,
            partition: partitionFor(restaurantId, PARTITIONS),
            accountSid: `AC${randomBytes(16).toString('hex')}`,
            authToken: randomBytes(16).toString('hex'),
            fromNumbers: [fromNumber],
          }),
        ),
      );
    }
  } finally {
    await ledger.close();
  }
  const admin = createAdmin({ connection: { brokers: kafka, clientId: 'bench', logger: quiet } });
  const names = topicNames(queue);
  const topics = topicSettings(names, { partitions: PARTITIONS, replication: 1 });
  try {
    await admin.ensureTopics(topics);
  } finally {
    await admin.close();
  }
  const senders: ServiceProcess[] = [];
  return {
    queue,
    database,
    env,
    tenants,
    startSender: async (name, more) => {
      const sender = await startService({
        app: 'sender',
        name,
        env: { ...env, ...more },
        entry: 'bench/answering-at-once.mjs',
        nodeArgs: profiled(context, queue),
      });
      senders.push(sender);
      return sender;
    },
    stop: async () => {
      await Promise.all(senders.map((sender) => sender.stop()));
    },
  };
}
