import { LedgerError } from './errors.js';

/** What whoever wants more partitions does instead: Kafka can add some to a topic, and takes none back. */
export const WHAT_TO_DO_INSTEAD =
  'The number is never changed: a restaurant’s messages would lose their order. Let the senders that run send what was accepted, ' +
  'then start everything with a new WHATSAPP_SEND_QUEUE_NAME and a new database (docs/upgrade.md)';

/**
 * Throws LedgerError `partition_count` unless all topics have as many partitions as the ledger.
 *
 * @param topics how many each has
 */
export function requirePartitions(topics: ReadonlyMap<string, number>, partitions: number): void {
  const others = [...topics].filter(([, count]) => count !== partitions);
  if (others.length === 0) return;
  const found = others.map(([topic, count]) => `${topic} has ${count} partitions`).join(', ');
  throw new LedgerError('partition_count', `${found}, the ledger has ${partitions}. ${WHAT_TO_DO_INSTEAD}`);
}
