import type { logCreator } from 'kafkajs';
import { logLevel } from 'kafkajs';

/** The part of a pino logger that this package uses. */
export interface KafkaLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * kafkajs' own log lines as lines of ours; nothing goes to stdout.
 *
 * kafkajs calls an error what it is about to retry, and warns of each rebalance: these become information, the rest is for
 * debugging. What really fails is reported by the publisher and the consumer themselves.
 *
 * @param onGroupRefused called when a broker refuses a group: kafkajs says so here only, its error is "no coordinator found"
 */
export function kafkajsLogCreator(logger: KafkaLogger, onGroupRefused?: () => void): logCreator {
  return () =>
    ({ namespace, level, log }) => {
      const { message, timestamp: _timestamp, logger: _logger, ...fields } = log;
      const said: unknown = fields['error'];
      if (typeof said === 'string' && said.includes('Group authorization failed')) onGroupRefused?.();
      const line = { component: 'kafkajs', namespace, ...fields };
      if (level === logLevel.ERROR || level === logLevel.WARN) logger.info(line, message);
      else logger.debug(line, message);
    };
}
