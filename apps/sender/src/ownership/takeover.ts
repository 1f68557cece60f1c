import type { TopicNames } from '@mersal/contracts';
import type { Assignment, KafkaAdmin, PartitionOffset, Revocation } from '@mersal/kafka';
import { type Ledger, TOPIC_ROLES } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { OwnedPartitions } from './owned-partitions.js';

export interface TakeoverParts {
  readonly ledger: Ledger;
  readonly logs: Pick<KafkaAdmin, 'watermarks'>;
  readonly topics: TopicNames;
  readonly owned: OwnedPartitions;
  readonly dispatch: Dispatch;
  readonly member: string;
  readonly logger: Logger;
}

/*
 * Taking a partition over
 *
 *   assigned ─► raise the epoch (fences the old owner) ─► read the admitted offsets ─► seek there ─► read on
 *                                                                └─ the log begins later: retention took records
 *
 * An owner that did not give its partitions back in order may have died of what it read: see careful-reading.
 *
 * What the old owner has under way is left to it: its slots and lanes stay taken until it settles or their leases
 * end, and its completions settle by (message, attempt) whatever the epoch.
 */
export class Takeover {
  readonly #parts: TakeoverParts;

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
  }

  readonly onAssigned = async (assignment: Assignment): Promise<PartitionOffset[]> => {
    const { ledger, owned, topics, dispatch, member, logger } = this.#parts;
    const logStarts = await this.#logStarts();
    const offsets: PartitionOffset[] = [];
    await Promise.all(
      assignment.partitions.map(async (partition) => {
        const own = await ledger.takeOwnership(partition, member);
        if (assignment.signal.aborted) return;
        for (const role of TOPIC_ROLES) {
          const start = logStarts.get(`${role}/${partition}`) ?? 0n;
          let next = own.offsets[role];
          if (next < start && (await ledger.skipToLogStart(own, role, start))) {
            if (next > 0n)
              logger.error(
                { partition, topic: topics[role], from: String(next), to: String(start) },
                'records were deleted by retention before they were read',
              );
            next = start;
          }
          offsets.push({ topic: topics[role], partition, offset: next });
        }
        owned.add(own);
      }),
    );
    if (assignment.signal.aborted) {
      for (const partition of assignment.partitions) owned.remove(partition);
      return [];
    }
    await dispatch.adopt(assignment.partitions);
    logger.info({ partitions: assignment.partitions }, `owns ${assignment.partitions.length} partitions`);
    return offsets;
  };

  readonly onRevoked = (revocation: Revocation): void => {
    const { ledger, owned, dispatch, logger } = this.#parts;
    for (const partition of revocation.partitions) {
      const own = owned.get(partition);
      owned.remove(partition);
      dispatch.forget(partition);
      // Alive and well, it only loses the partition. Where this fails the next owner reads with care for nothing.
      if (own)
        ledger
          .giveBack(own)
          .catch((error: unknown) => logger.debug({ err: error, partition }, 'not given back'));
    }
    logger.info(
      { partitions: revocation.partitions, reason: revocation.reason },
      `gave up ${revocation.partitions.length} partitions`,
    );
  };

  async #logStarts(): Promise<Map<string, bigint>> {
    const { logs, topics } = this.#parts;
    const starts = new Map<string, bigint>();
    await Promise.all(
      TOPIC_ROLES.map(async (role) => {
        for (const [partition, marks] of await logs.watermarks(topics[role])) {
          starts.set(`${role}/${partition}`, marks.low);
        }
      }),
    );
    return starts;
  }
}
