import { KAFKA_SETTINGS, kafkaRelations, readConfig } from '@mersal/config';
import { connectionOf, createAdmin, type KafkaAdmin, type KafkaConnection } from '@mersal/kafka';
import { type Database, openDatabase } from '@mersal/ledger';
import { createLogger, type Logger } from '@mersal/telemetry';
import type { Environment } from './settings.js';

/** Warnings of the libraries go to stderr: stdout belongs to the command's answer. */
export function cliLogger(writeErr: (line: string) => void, level = 'error'): Logger {
  return createLogger({ service: 'cli', instance: 'mersal', level, destination: { write: writeErr } });
}

export function kafkaConnection(env: Environment, logger: Logger): KafkaConnection {
  return connectionOf(readConfig(env, KAFKA_SETTINGS, kafkaRelations), 'mersal-cli', logger);
}

export async function withAdmin<T>(
  connection: KafkaConnection,
  work: (admin: KafkaAdmin) => Promise<T>,
  patienceMs = 15_000,
): Promise<T> {
  const admin = createAdmin({ connection, patienceMs });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

export async function withDatabase<T>(
  env: Environment,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const { DATABASE_URL } = readConfig(env, ['DATABASE_URL']);
  const database = openDatabase({
    url: DATABASE_URL,
    max: 2,
    application: 'mersal-cli',
    // A broken idle connection fails the next statement, which reports it.
    onError: () => undefined,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
