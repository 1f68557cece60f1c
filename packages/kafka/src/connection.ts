import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { KafkaConfig } from 'kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import type { FencedSockets } from './fenced-sockets.js';
import { type KafkaLogger, kafkajsLogCreator } from './kafka-logger.js';

/** How to reach the brokers; the same for publisher, consumer and admin. */
export interface KafkaConnection {
  /** `host:port` of one or more brokers. */
  readonly brokers: readonly string[];
  /** Shown in the brokers' logs and quotas. */
  readonly clientId: string;
  readonly ssl?: boolean | TlsOptions;
  readonly sasl?: SaslOptions;
  readonly logger: KafkaLogger;
  /** Milliseconds to wait for a TCP or TLS connection. Default 2,000. */
  readonly connectionTimeoutMs?: number;
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

export type SaslOptions =
  | ({ readonly mechanism: 'plain' } & Credentials)
  | ({ readonly mechanism: 'scram-sha-256' } & Credentials)
  | ({ readonly mechanism: 'scram-sha-512' } & Credentials);

export interface ClientTuning {
  readonly requestTimeoutMs: number;
  readonly retries: number;
  readonly sockets: FencedSockets;
  readonly onGroupRefused?: () => void;
}

/** A kafkajs client with every default that matters set by us: kafkajs takes others when NODE_ENV is `test`. */
export function createClient(connection: KafkaConnection, tuning: ClientTuning): Kafka {
  const config: KafkaConfig = {
    brokers: [...connection.brokers],
    clientId: connection.clientId,
    connectionTimeout: connection.connectionTimeoutMs ?? 2_000,
    requestTimeout: tuning.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: retryOptions(tuning.retries),
    socketFactory: tuning.sockets.factory,
    logLevel: logLevel.INFO,
    logCreator: kafkajsLogCreator(connection.logger, tuning.onGroupRefused),
  };
  if (connection.ssl !== undefined) config.ssl = connection.ssl;
  if (connection.sasl !== undefined) config.sasl = connection.sasl;
  return new Kafka(config);
}

export function retryOptions(retries: number): {
  initialRetryTime: number;
  maxRetryTime: number;
  multiplier: number;
  factor: number;
  retries: number;
} {
  return { initialRetryTime: 100, maxRetryTime: 1_000, multiplier: 2, factor: 0.2, retries };
}
