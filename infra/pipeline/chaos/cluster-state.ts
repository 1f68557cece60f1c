import { topicNames, topicSettings } from '@mersal/contracts';
import { type Pipeline, waitFor } from '@mersal/testkit';
import kafkajs, { type Admin, Kafka, logLevel } from 'kafkajs';

/** Of three brokers: how many have to have a record before it counts. */
export const MIN_IN_SYNC = 2;
const IN_SYNC_WITHIN_MS = 90_000;

/** `host:port` of every broker that the services know. */
export function kafkaOf({ env }: Pipeline): string[] {
  return (env['KAFKA_BROKERS'] ?? '').split(',');
}

async function withAdmin<T>(brokers: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({
    brokers: [...brokers],
    clientId: 'chaos',
    logLevel: logLevel.NOTHING,
    retry: { retries: 3 },
  }).admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Waits until every replica of every partition has all that its leader has. */
export async function awaitInSync(brokers: readonly string[]): Promise<void> {
  let behind: string[] = [];
  await waitFor(
    () =>
      withAdmin(brokers, async (admin) => {
        const { topics } = await admin.fetchTopicMetadata();
        behind = topics.flatMap(({ name, partitions }) =>
          partitions
            .filter(({ isr, replicas }) => isr.length < replicas.length)
            .map(({ partitionId }) => `${name}/${partitionId}`),
        );
        return behind.length === 0;
      }),
    {
      timeoutMs: IN_SYNC_WITHIN_MS,
      intervalMs: 250,
      describe: () => `all replicas to be in sync; not yet: ${behind.slice(0, 5).join(', ')}`,
    },
  );
}

/** How many brokers have to have a record of the send topic before it counts. All else is left as it is made. */
export function setMinInSync(brokers: readonly string[], queue: string, replicas: number): Promise<void> {
  const { send } = topicNames(queue);
  const made = topicSettings(topicNames(queue), { partitions: 1, replication: 3 }).find(
    ({ topic }) => topic === send,
  );
  const config = { ...made?.config, 'min.insync.replicas': String(replicas) };
  return withAdmin(brokers, async (admin) => {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: send,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        },
      ],
    });
  });
}
