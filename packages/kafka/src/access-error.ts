import { kafkajsErrorFacts } from './kafkajs-error.js';

export type KafkaAccessErrorCode =
  /** The user lacks a right: `mersal topics acls` tells which are needed. */
  | 'kafka_forbidden'
  /** User or password are wrong. */
  | 'kafka_login_failed'
  /** The broker's certificate is signed by another CA, is of another name, or has expired; or the broker wants one of ours. */
  | 'kafka_certificate';

/** Kafka refuses this client: what it tries will not work before somebody changes rights, passwords or certificates. */
export class KafkaAccessError extends Error {
  readonly code: KafkaAccessErrorCode;
  constructor(code: KafkaAccessErrorCode, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'KafkaAccessError';
    this.code = code;
  }
}

/** What Node and OpenSSL say of a certificate, and a broker's alert about ours. */
const CERTIFICATE =
  /^(CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(GET|VERIFY)|ERR_SSL_.*CERTIFICATE)/;

/** For a group, whose refusal kafkajs tells apart from an outage in its log only. */
export function groupRefused(groupId: string, cause: unknown): KafkaAccessError {
  return new KafkaAccessError(
    'kafka_forbidden',
    `Kafka does not allow it (group ${groupId}): compare the user's ACLs with \`mersal topics acls\``,
    cause,
  );
}

/** The refusal that an error of kafkajs stands for; undefined where it stands for something else. */
export function accessErrorOf(error: unknown): KafkaAccessError | undefined {
  if (error instanceof KafkaAccessError) return error;
  const { type, name, code, message } = kafkajsErrorFacts(error);
  if (type?.endsWith('AUTHORIZATION_FAILED'))
    return new KafkaAccessError(
      'kafka_forbidden',
      `Kafka does not allow it (${type}): compare the user's ACLs with \`mersal topics acls\``,
      error,
    );
  if (name === 'KafkaJSSASLAuthenticationError')
    return new KafkaAccessError(
      'kafka_login_failed',
      `Kafka does not let this user in: look at KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (${message})`,
      error,
    );
  if (code !== undefined && CERTIFICATE.test(code))
    return new KafkaAccessError(
      'kafka_certificate',
      `the broker's certificate or ours is refused (${code}): look at KAFKA_BROKERS and KAFKA_TLS_CA`,
      error,
    );
  return undefined;
}
