/** The topics of one queue, by role. The queue's name comes from WHATSAPP_SEND_QUEUE_NAME. */
export interface TopicNames {
  readonly send: string;
  readonly retry: string;
  readonly callbacks: string;
  readonly dead: string;
  readonly outcomes: string;
  readonly templateEvents: string;
  readonly templateAlerts: string;
}

/** A topic as it must exist on the brokers; `config` holds Kafka's own setting names. */
export interface TopicSettings {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
}

export const DEFAULT_QUEUE = 'whatsapp-send';

/** Largest record a producer may put into the send topics, in bytes. The dead topic takes more (see below). */
export const MAX_RECORD_BYTES = 1_048_576;

const DAY_MS = 86_400_000;

export function topicNames(queue: string = DEFAULT_QUEUE): TopicNames {
  return {
    send: queue,
    retry: `${queue}.retry`,
    callbacks: `${queue}.callbacks`,
    dead: `${queue}.dead`,
    outcomes: `${queue}.outcomes`,
    templateEvents: 'template-events',
    templateAlerts: 'template-alerts',
  };
}

/**
 * Every topic with its settings. `partitions` counts for all: send, retry and callbacks are co-assigned and
 * must agree; outcomes and dead follow so that a restaurant's records stay on one number everywhere.
 */
export function topicSettings(
  names: TopicNames,
  size: { readonly partitions: number; readonly replication: number },
): readonly TopicSettings[] {
  const minInsync = String(size.replication >= 3 ? 2 : 1);
  const topic = (name: string, retentionDays: number, more: Record<string, string> = {}): TopicSettings => ({
    topic: name,
    partitions: size.partitions,
    replication: size.replication,
    config: {
      'cleanup.policy': 'delete',
      'retention.ms': String(retentionDays * DAY_MS),
      'min.insync.replicas': minInsync,
      'max.message.bytes': String(MAX_RECORD_BYTES),
      ...more,
    },
  });
  return [
    topic(names.send, 7),
    topic(names.retry, 7),
    topic(names.callbacks, 7),
    // A dead record is the original plus its reason: it must fit even where the original was of the largest size.
    topic(names.dead, 30, { 'max.message.bytes': String(2 * MAX_RECORD_BYTES) }),
    topic(names.outcomes, 7),
    // Lateness is judged by append time, so that live and replay agree.
    topic(names.templateEvents, 7, { 'message.timestamp.type': 'LogAppendTime' }),
    topic(names.templateAlerts, 30),
  ];
}
