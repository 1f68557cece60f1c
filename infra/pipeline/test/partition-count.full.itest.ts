import { engines, type Pipeline, startPipeline } from '@mersal/testkit';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { post, settled } from './api.js';

/** As every other test of the run has them: topics of the cache are shared. */
const PARTITIONS = 12;
const MORE = 14;

let pipeline: Pipeline;

beforeAll(async () => {
  pipeline = await startPipeline({ tenants: ['r1'], senders: 2, partitions: PARTITIONS });
}, 120_000);
afterAll(() => pipeline?.stop());

async function addPartitions(topic: string): Promise<void> {
  const admin = new Kafka({ brokers: (await engines()).kafka, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createPartitions({ topicPartitions: [{ topic, count: MORE }] });
  } finally {
    await admin.disconnect();
  }
}

const COUNTS = new RegExp(`has ${MORE} partitions, the ledger has ${PARTITIONS}`);

it.each(['', '.retry', '.callbacks'])(
  'partitions added to queue%s: whoever starts refuses by a code and says what to do; what runs goes on',
  async (suffix) => {
    const tenant = pipeline.tenant('r1');
    await addPartitions(`${pipeline.queue}${suffix}`);
    // Its partitions are shared out anew, with those that were added.
    await pipeline.services.get('sender-2')?.stop();
    for (const start of [() => pipeline.restart('sender-2'), () => pipeline.startIngress('ingress-2')]) {
      const refusal = await start().then(
        () => 'it started',
        (error: unknown) => String(error),
      );
      expect(refusal).toMatch(COUNTS);
      expect(refusal).toContain('"code":"partition_count"');
      expect(refusal).toContain('a new WHATSAPP_SEND_QUEUE_NAME');
    }
    const id = await post(pipeline, tenant, { phoneNumber: '+966501234567', text: 'still there' });
    await settled(pipeline, tenant, id, ['delivered', 'read']);
    const left = pipeline.services
      .get('sender-1')
      ?.lines.filter((line) => line.includes('these are left alone'))
      .at(-1);
    expect(left).toContain('"code":"partition_count"');
  },
  120_000,
);

it('the command line refuses, too, and doctor finds it', async () => {
  await expect(pipeline.mersal('topics', 'ensure')).rejects.toThrow(/partition_count|12 partitions, not/);
  await expect(pipeline.mersal('doctor')).rejects.toThrow(COUNTS_FOUND);
});

const COUNTS_FOUND = new RegExp(`has ${MORE}, the ledger has ${PARTITIONS}`);
