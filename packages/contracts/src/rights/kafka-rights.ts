import type { TopicNames } from '../topics.js';

/** What logs in to Kafka and Redis, each as a user of its own. */
export const SERVICES = ['ingress', 'sender', 'cache-metrics', 'cli'] as const;
export type Service = (typeof SERVICES)[number];

/** Kafka's own names. READ and WRITE bring DESCRIBE with them. */
export type KafkaOperation = 'READ' | 'WRITE' | 'CREATE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS';

export interface KafkaRight {
  readonly service: Service;
  readonly resource: 'topic' | 'group';
  readonly name: string;
  /** `prefixed`: of everything whose name begins so. */
  readonly pattern: 'literal' | 'prefixed';
  readonly operation: KafkaOperation;
}

/** Groups that read a part of a log once, each with a name of its own behind this. */
export const READER_GROUPS = 'mersal-read-';
export const CACHE_METRICS_GROUP = 'mersal-cache-metrics';
export const sendersGroup = (queue: string): string => `${queue}.senders`;

/** What each service does with Kafka, and may therefore do: nothing else is to be allowed to its user. */
export function kafkaRights(topics: TopicNames): readonly KafkaRight[] {
  const on = (service: Service, names: readonly string[], ...operations: KafkaOperation[]): KafkaRight[] =>
    names.flatMap((name) =>
      operations.map(
        (operation): KafkaRight => ({ service, resource: 'topic', name, pattern: 'literal', operation }),
      ),
    );
  const member = (
    service: Service,
    name: string,
    pattern: KafkaRight['pattern'] = 'literal',
  ): KafkaRight => ({
    service,
    resource: 'group',
    name,
    pattern,
    operation: 'READ',
  });
  const { send, retry, callbacks, dead, outcomes, templateEvents, templateAlerts } = topics;
  return [
    ...on('ingress', [send, retry, callbacks], 'WRITE'),
    // Replays ask what was accepted, and what became of it.
    ...on('ingress', [send, outcomes], 'READ'),
    member('ingress', READER_GROUPS, 'prefixed'),

    ...on('sender', [send, retry, callbacks], 'READ'),
    ...on('sender', [retry, dead, outcomes, templateEvents], 'WRITE'),
    member('sender', sendersGroup(send)),

    ...on('cache-metrics', [templateEvents], 'READ'),
    ...on('cache-metrics', [templateAlerts], 'WRITE'),
    member('cache-metrics', CACHE_METRICS_GROUP),

    ...on('cli', Object.values(topics), 'CREATE', 'DESCRIBE', 'DESCRIBE_CONFIGS'),
    ...on('cli', [send, retry], 'WRITE'),
    ...on('cli', [send, outcomes, templateEvents], 'READ'),
    member('cli', READER_GROUPS, 'prefixed'),
  ];
}
