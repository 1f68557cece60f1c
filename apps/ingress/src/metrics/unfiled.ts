import type { KafkaAdmin } from '@mersal/kafka';
import { type Database, readAdmittedOffsets } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import { within } from '../requests/deadline.js';

/** Longest wait for the log's ends, in ms: the counts of the ledger are not held up for them. */
const PATIENCE_MS = 500;

export interface UnfiledOptions {
  readonly database: Database;
  readonly admin: Pick<KafkaAdmin, 'endOffsets'>;
  readonly topic: string;
  readonly logger: Pick<Logger, 'debug'>;
}

/**
 * Records of the send topic that admission has not passed yet: sends that were answered with 202, repeats of them included, and are in
 * no count of the ledger. Null where the log can not be asked.
 */
export async function countUnfiled(options: UnfiledOptions): Promise<number | null> {
  const { database, admin, topic, logger } = options;
  const admitted = await readAdmittedOffsets(database, 'send');
  try {
    const ends = await within('log', PATIENCE_MS, admin.endOffsets(topic));
    return unfiledOf(ends, admitted);
  } catch (error) {
    logger.debug({ err: error }, 'how much of the log is not filed yet can not be known now');
    return null;
  }
}

export function unfiledOf(ends: ReadonlyMap<number, bigint>, admitted: ReadonlyMap<number, bigint>): number {
  let unfiled = 0n;
  for (const [partition, end] of ends) {
    const behind = end - (admitted.get(partition) ?? 0n);
    if (behind > 0n) unfiled += behind;
  }
  return Number(unfiled);
}
