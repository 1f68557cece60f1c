import { type Config, KAFKA_SETTINGS, kafkaRelations, readConfig } from '@mersal/config';

const NAMES = [
  'WHATSAPP_SEND_QUEUE_NAME',
  ...KAFKA_SETTINGS,
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

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return readConfig(env, NAMES, kafkaRelations);
}
