import type { Config, Relation } from './read.js';

/** The variables that say how Kafka is reached, in every service. */
export const KAFKA_SETTINGS = [
  'KAFKA_BROKERS',
  'KAFKA_TLS',
  'KAFKA_TLS_CA',
  'KAFKA_TLS_CERT',
  'KAFKA_TLS_KEY',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD',
] as const;

type Name = (typeof KAFKA_SETTINGS)[number];

/** What of them goes together. */
export const kafkaRelations: readonly Relation<Name>[] = [
  (c: Config<Name>) =>
    c.KAFKA_SASL_MECHANISM !== 'none' && c.KAFKA_SASL_USERNAME === ''
      ? `KAFKA_SASL_USERNAME is not set although KAFKA_SASL_MECHANISM is ${c.KAFKA_SASL_MECHANISM}`
      : undefined,
  (c: Config<Name>) =>
    !c.KAFKA_TLS && c.KAFKA_TLS_CA !== undefined
      ? 'KAFKA_TLS_CA is set although KAFKA_TLS is false'
      : undefined,
  (c: Config<Name>) =>
    (c.KAFKA_TLS_CERT === undefined) !== (c.KAFKA_TLS_KEY === undefined)
      ? 'KAFKA_TLS_CERT and KAFKA_TLS_KEY are of use only together'
      : undefined,
];
