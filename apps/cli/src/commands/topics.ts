import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '@mersal/config';
import { type TopicSettings, topicNames, topicSettings } from '@mersal/contracts';
import type { KafkaAdmin, KafkaConnection, TopicDrift } from '@mersal/kafka';
import { agreePartitions } from '@mersal/ledger';
import { withAdmin } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';

export function wantedTopics(env: Environment): readonly TopicSettings[] {
  const config = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME', 'TOPIC_PARTITIONS', 'TOPIC_REPLICATION']);
  return topicSettings(topicNames(config.WHATSAPP_SEND_QUEUE_NAME), {
    partitions: config.TOPIC_PARTITIONS,
    replication: config.TOPIC_REPLICATION,
  });
}

/**
 * Creates what is missing and writes the send topic's partition count into the ledger, where every producer reads it.
 * A topic that differs is reported and left alone: some changes lose records.
 */
export async function topicsEnsure(env: Environment, connection: KafkaConnection): Promise<Report> {
  const config = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME', 'DATABASE_URL']);
  const wanted = wantedTopics(env);
  const { found, partitions } = await withAdmin(connection, async (admin) => {
    const names = wanted.map((one) => one.topic);
    const before = new Set((await admin.describeTopics(names)).map((one) => one.topic));
    await admin.ensureTopics(wanted);
    const have = await describeAll(admin, names);
    return {
      found: {
        created: names.filter((topic) => !before.has(topic)),
        existing: names.filter((topic) => before.has(topic)),
        drifted: topicDrifts(wanted, have),
      },
      partitions: await admin.partitionCount(topicNames(config.WHATSAPP_SEND_QUEUE_NAME).send),
    };
  });
  await agreePartitions(config.DATABASE_URL, config.WHATSAPP_SEND_QUEUE_NAME, partitions);
  const state = (topic: string): string =>
    found.created.includes(topic)
      ? 'created'
      : found.drifted.some((drift) => drift.topic === topic)
        ? 'differs'
        : 'exists';
  return report(
    { created: found.created, existing: found.existing, drifted: found.drifted, partitions },
    [
      table(
        ['topic', 'partitions', 'state'],
        wanted.map((one) => [one.topic, one.partitions, state(one.topic)]),
      ),
      ...driftText(found.drifted),
    ].join('\n'),
    found.drifted.length > 0 ? EXIT.attention : EXIT.ok,
  );
}

export async function topicsStatus(env: Environment, connection: KafkaConnection): Promise<Report> {
  const wanted = wantedTopics(env);
  const have = await withAdmin(connection, (admin) => admin.describeTopics(wanted.map((one) => one.topic)));
  const missing = wanted.map((one) => one.topic).filter((topic) => !have.some((one) => one.topic === topic));
  const drifted = topicDrifts(wanted, have);
  return report(
    {
      topics: have.map(({ topic, partitions, replication }) => ({ topic, partitions, replication })),
      missing,
      drifted,
    },
    [
      table(
        ['topic', 'partitions', 'replicas', 'state'],
        wanted.map((one) => {
          const at = have.find((other) => other.topic === one.topic);
          const differs = drifted.some((drift) => drift.topic === one.topic);
          return [one.topic, at?.partitions, at?.replication, at ? (differs ? 'differs' : 'ok') : 'missing'];
        }),
      ),
      ...driftText(drifted),
      ...(missing.length > 0 ? ['run `mersal topics ensure`'] : []),
    ].join('\n'),
    missing.length + drifted.length > 0 ? EXIT.attention : EXIT.ok,
  );
}

const VISIBLE_WITHIN_MS = 15_000;

/** A broker under load shows a new topic a moment after it acknowledged its creation. */
async function describeAll(admin: KafkaAdmin, names: readonly string[]): Promise<TopicSettings[]> {
  const deadline = performance.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    const have = await admin.describeTopics(names);
    if (have.length === names.length) return have;
    if (performance.now() > deadline) {
      const missing = names.filter((topic) => !have.some((one) => one.topic === topic));
      throw new CliError(
        'topics_missing',
        `Kafka does not show ${missing.join(', ')} although it took their creation`,
      );
    }
    await sleep(200);
  }
}

/** Every setting of an existing topic that is not as wanted. */
export function topicDrifts(wanted: readonly TopicSettings[], have: readonly TopicSettings[]): TopicDrift[] {
  return wanted.flatMap((want) => {
    const at = have.find((one) => one.topic === want.topic);
    if (!at) return [];
    const pairs: [string, string, string][] = [
      ['partitions', String(want.partitions), String(at.partitions)],
      ['replication', String(want.replication), String(at.replication)],
      ...Object.entries(want.config).map(([name, value]): [string, string, string] => [
        name,
        value,
        at.config[name] ?? 'unset',
      ]),
    ];
    return pairs
      .filter(([, wants, has]) => wants !== has)
      .map(([setting, wants, has]) => ({ topic: want.topic, setting, want: wants, have: has }));
  });
}

function driftText(drifted: readonly TopicDrift[]): string[] {
  if (drifted.length === 0) return [];
  return [
    '',
    table(
      ['topic', 'setting', 'want', 'have'],
      drifted.map((one) => [one.topic, one.setting, one.want, one.have]),
    ),
  ];
}
