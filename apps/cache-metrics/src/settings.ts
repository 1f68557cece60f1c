import { type Config, readConfig, type Relation } from '@mersal/config';

const NAMES = [
  'WHATSAPP_SEND_QUEUE_NAME',
  'KAFKA_BROKERS',
  'KAFKA_TLS',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD',
  'DATABASE_URL',
  'DATABASE_POOL',
  'CACHE_ALERT_WEBHOOK_URL',
  'CACHE_ALERT_LEAST_REQUESTS',
  'CACHE_HISTORY_DAYS',
  'PROBE_PORT',
  'PROBE_HOST',
  'LOG_LEVEL',
  'INSTANCE',
] as const;

export type Settings = Config<(typeof NAMES)[number]>;

const relations: readonly Relation<(typeof NAMES)[number]>[] = [
  (c) =>
    c.KAFKA_SASL_MECHANISM !== 'none' && c.KAFKA_SASL_USERNAME === ''
      ? `KAFKA_SASL_USERNAME is not set although KAFKA_SASL_MECHANISM is ${c.KAFKA_SASL_MECHANISM}`
      : undefined,
];

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return readConfig(env, NAMES, relations);
}
