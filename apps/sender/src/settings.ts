import { type Config, KAFKA_SETTINGS, kafkaRelations, readConfig, type Relation } from '@mersal/config';

const NAMES = [
  'WHATSAPP_SEND_QUEUE_NAME',
  ...KAFKA_SETTINGS,
  'REDIS_URL',
  'REDIS_TLS_CA',
  'DATABASE_URL',
  'DATABASE_POOL',
  'QUEUE_RETRY_ATTEMPTS',
  'QUEUE_BACKOFF_DELAY',
  'PROBE_PORT',
  'PROBE_HOST',
  'PUBLIC_URL',
  'TENANT_CONCURRENCY',
  'GLOBAL_RATE_PER_SECOND',
  'TENANT_RATE_PER_SECOND',
  'SENDER_RATE_PER_SECOND',
  'TWILIO_API_BASE_URL',
  'TWILIO_TIMEOUT_MS',
  'TWILIO_CONNECT_TIMEOUT_MS',
  'TWILIO_MAX_SOCKETS',
  'RECONCILE_GRACE_MS',
  'RECONCILE_PAUSE_MS',
  'CREDENTIALS_KEY',
  'CREDENTIALS_KEYS_OLD',
  'LOG_LEVEL',
  'INSTANCE',
] as const;

export type Settings = Config<(typeof NAMES)[number]>;

const relations: readonly Relation<(typeof NAMES)[number]>[] = [
  (c) =>
    c.TWILIO_MAX_SOCKETS < c.TENANT_CONCURRENCY
      ? `TWILIO_MAX_SOCKETS (${c.TWILIO_MAX_SOCKETS}) is below TENANT_CONCURRENCY (${c.TENANT_CONCURRENCY}): one restaurant could never use its slots`
      : undefined,
  ...kafkaRelations,
];

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return readConfig(env, NAMES, relations);
}
