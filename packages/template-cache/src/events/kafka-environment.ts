import { connectionOf, type KafkaConnection } from '@mersal/kafka';
import type { CacheLogger } from '../logger.js';

/** The brokers that the environment names, or undefined without KAFKA_BROKERS. */
export function kafkaConnection(
  env: Readonly<Record<string, string | undefined>>,
  logger: CacheLogger,
): KafkaConnection | undefined {
  const brokers = (env['KAFKA_BROKERS'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (brokers.length === 0) return undefined;
  const mechanism = env['KAFKA_SASL_MECHANISM'];
  return connectionOf(
    {
      KAFKA_BROKERS: brokers,
      KAFKA_TLS: env['KAFKA_TLS'] === 'true' || env['KAFKA_TLS'] === '1',
      KAFKA_TLS_CA: env['KAFKA_TLS_CA'] || undefined,
      KAFKA_TLS_CERT: env['KAFKA_TLS_CERT'] || undefined,
      KAFKA_TLS_KEY: env['KAFKA_TLS_KEY'] || undefined,
      KAFKA_SASL_MECHANISM:
        mechanism === 'plain' || mechanism === 'scram-sha-256' || mechanism === 'scram-sha-512'
          ? mechanism
          : 'none',
      KAFKA_SASL_USERNAME: env['KAFKA_SASL_USERNAME'] ?? '',
      KAFKA_SASL_PASSWORD: env['KAFKA_SASL_PASSWORD'] ?? '',
    },
    'mersal-template-cache',
    {
      debug: (fields, message) => logger.debug(fields, message),
      // What Kafka's client informs of is of no interest to the program that uses this package.
      info: (fields, message) => logger.debug(fields, message),
      warn: (fields, message) => logger.warn(fields, message),
      error: (fields, message) => logger.error(fields, message),
    },
  );
}
