import { type TemplateEvent, templateEventRecord, topicNames, topicSettings } from '@mersal/contracts';
import { createAdmin, createPublisher, type OutRecord } from '@mersal/kafka';
import type { Database } from '@mersal/ledger';
import { engines, type ServiceProcess, waitFor } from '@mersal/testkit';

export const PARTITIONS = 12;
const topic = topicNames().templateEvents;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export function toRecord(event: TemplateEvent): OutRecord {
  return templateEventRecord(event, { topic, partitions: PARTITIONS, source: 'test' });
}

/** The topic of template events, which tests share: each counts its own keys in a database of its own. */
export async function openEventTopic() {
  const connection = { brokers: (await engines()).kafka, clientId: 'cache-metrics-test', logger: silent };
  const admin = createAdmin({ connection });
  const publisher = await createPublisher({ connection });
  const settings = topicSettings(topicNames(), { partitions: PARTITIONS, replication: 1 });
  await admin.ensureTopics(settings.filter((one) => one.topic.startsWith('template-')));
  return {
    topic,
    publishRecords: (records: OutRecord[]): Promise<void> => publisher.publish(records),
    publish: (events: readonly TemplateEvent[]): Promise<void> => publisher.publish(events.map(toRecord)),
    /** Every record of these partitions, whoever wrote it, is behind the ledger's offsets. */
    counted: async (
      database: Database,
      running: readonly ServiceProcess[],
      only: (partition: number) => boolean = () => true,
    ): Promise<void> => {
      const ends = [...(await admin.endOffsets(topic))].filter(([partition]) => only(partition));
      await waitFor(
        async () => {
          const rows = await database.run({
            name: 'test-offsets',
            text: 'select partition, next_offset from cache_offset',
            values: [],
          });
          const at = new Map(rows.map((row) => [row['partition'], BigInt(row['next_offset'] as string)]));
          return ends.every(([partition, end]) => (at.get(partition) ?? 0n) >= end);
        },
        {
          timeoutMs: 45_000,
          describe: () => `all to be counted; ${running.map((s) => s.lines.slice(-5).join('\n')).join('\n')}`,
        },
      );
    },
    close: async (): Promise<void> => {
      await publisher.close();
      await admin.close();
    },
  };
}
