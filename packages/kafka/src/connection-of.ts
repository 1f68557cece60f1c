import type { KafkaConnection, SaslOptions } from './connection.js';

/** The variables that say how to reach Kafka, as they were read. */
export interface ConnectionSettings {
  readonly KAFKA_BROKERS: readonly string[];
  readonly KAFKA_TLS: boolean;
  readonly KAFKA_SASL_MECHANISM: SaslOptions['mechanism'] | 'none';
  readonly KAFKA_SASL_USERNAME: string;
  readonly KAFKA_SASL_PASSWORD: string;
}

/** The brokers that the settings name. */
export function connectionOf(
  settings: ConnectionSettings,
  clientId: string,
  logger: KafkaConnection['logger'],
): KafkaConnection {
  const mechanism = settings.KAFKA_SASL_MECHANISM;
  return {
    brokers: settings.KAFKA_BROKERS,
    clientId,
    logger,
    ...(settings.KAFKA_TLS ? { ssl: true } : {}),
    ...(mechanism === 'none'
      ? {}
      : {
          sasl: { mechanism, username: settings.KAFKA_SASL_USERNAME, password: settings.KAFKA_SASL_PASSWORD },
        }),
  };
}
