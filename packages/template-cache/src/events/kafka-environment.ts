import type { KafkaConnection } from '@mersal/kafka';
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
  const credentials = {
    username: env['KAFKA_SASL_USERNAME'] ?? '',
    password: env['KAFKA_SASL_PASSWORD'] ?? '',
  };
  return {
    brokers,
    clientId: 'mersal-template-cache',
    logger: {
      debug: (fields, message) => logger.debug(fields, message),
      // What Kafka's client informs of is of no interest to the program that uses this package.
      info: (fields, message) => logger.debug(fields, message),
      warn: (fields, message) => logger.warn(fields, message),
      error: (fields, message) => logger.error(fields, message),
    },
    ...(env['KAFKA_TLS'] === 'true' || env['KAFKA_TLS'] === '1' ? { ssl: true } : {}),
    ...(mechanism === 'plain' || mechanism === 'scram-sha-256' || mechanism === 'scram-sha-512'
      ? { sasl: { mechanism, ...credentials } }
      : {}),
  };
}
