import { readFileSync } from 'node:fs';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { KafkaConnection, SaslOptions } from './connection.js';

/** The variables that say how to reach Kafka, as they were read. */
export interface ConnectionSettings {
  readonly KAFKA_BROKERS: readonly string[];
  readonly KAFKA_TLS: boolean;
  /** Paths of files in PEM. */
  readonly KAFKA_TLS_CA: string | undefined;
  readonly KAFKA_TLS_CERT: string | undefined;
  readonly KAFKA_TLS_KEY: string | undefined;
  readonly KAFKA_SASL_MECHANISM: SaslOptions['mechanism'] | 'none';
  readonly KAFKA_SASL_USERNAME: string;
  readonly KAFKA_SASL_PASSWORD: string;
}

/** The brokers that the settings name. Throws where a file cannot be read. */
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
    ...(settings.KAFKA_TLS ? { ssl: tlsOptions(settings) } : {}),
    ...(mechanism === 'none'
      ? {}
      : {
          sasl: { mechanism, username: settings.KAFKA_SASL_USERNAME, password: settings.KAFKA_SASL_PASSWORD },
        }),
  };
}

function tlsOptions(
  files: Pick<ConnectionSettings, 'KAFKA_TLS_CA' | 'KAFKA_TLS_CERT' | 'KAFKA_TLS_KEY'>,
): TlsOptions {
  const { KAFKA_TLS_CA: ca, KAFKA_TLS_CERT: cert, KAFKA_TLS_KEY: key } = files;
  return {
    // Also where NODE_TLS_REJECT_UNAUTHORIZED says otherwise: an unverified broker may be anybody.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
  };
}
