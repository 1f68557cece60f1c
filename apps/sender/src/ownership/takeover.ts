import type { TopicNames } from '@mersal/contracts';
import type { Clock } from '@mersal/delivery';
import type { Assignment, KafkaAdmin, PartitionOffset, Revocation } from '@mersal/kafka';
import { type Ledger, type Ownership, TOPIC_ROLES, WHAT_TO_DO_INSTEAD } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { OwnedPartitions } from './owned-partitions.js';

export interface TakeoverParts {
  readonly ledger: Ledger;
  readonly logs: Pick<KafkaAdmin, 'watermarks'>;
  readonly topics: TopicNames;
  /** The ledger's. */
  readonly partitions: number;
  readonly owned: OwnedPartitions;
  readonly dispatch: Dispatch;
  readonly member: string;
  readonly seek: (topic: string, partition: number, offset: bigint) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A partition that is assigned to this sender and fenced is taken again after this, in ms. */
const RETAKE_MS = 2_000;

/*
 * Taking a partition over
 *
 *   assigned ─► raise the epoch (fences the old owner) ─► read the admitted offsets ─► seek there ─► read on
 *      ▲                                                    └─ the log begins later: retention took records
 *      └─ fenced while still assigned: a former owner's request came late, and nobody knows that it owns the partition
 *
 * An owner that did not give its partitions back in order may have died of what it read: see careful-reading.
 *
 * What the old owner has under way is left to it: its slots and lanes stay taken until it settles or their leases
 * end, and its completions settle by (message, attempt) whatever the epoch.
 */
export class Takeover {
  readonly #parts: TakeoverParts;
  #assignment: Assignment | undefined;

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
  }

  readonly onAssigned = async (assignment: Assignment): Promise<PartitionOffset[]> => {
    const { dispatch, logger } = this.#parts;
    this.#assignment = assignment;
    const partitions = this.#known(assignment);
    const logStarts = await this.#logStarts();
    const offsets = await Promise.all(
      partitions.map((partition) => this.#take(partition, assignment, logStarts)),
    );
    if (assignment.signal.aborted) return [];
    await dispatch.adopt(partitions);
    logger.info({ partitions }, `owns ${partitions.length} partitions`);
    return offsets.flat();
  };

  /**
   * Those that the ledger knows. Added to a topic while this runs, others hold nothing of ours: producers go by the ledger's count.
   * What was accepted goes on being sent, and whoever starts anew refuses.
   */
  #known({ partitions }: Assignment): number[] {
    const added = partitions.filter((partition) => partition >= this.#parts.partitions);
    if (added.length > 0)
      this.#parts.logger.error(
        { code: 'partition_count', partitions: added },
        `the ledger has ${this.#parts.partitions} partitions, these are left alone. ${WHAT_TO_DO_INSTEAD}`,
      );
    return partitions.filter((partition) => partition < this.#parts.partitions);
  }

  /** The ledger says that the partition was taken since. */
  readonly onFenced = (own: Ownership): void => {
    const { owned, dispatch, logger } = this.#parts;
    const { partition } = own;
    if (!owned.remove(partition, own)) return;
    dispatch.forget(partition);
    logger.warn({ partition }, 'another sender owns this partition now');
    const assignment = this.#assignment;
    if (assignment?.partitions.includes(partition)) this.#retakeLater(partition, assignment);
  };

  #retakeLater(partition: number, assignment: Assignment): void {
    const { owned, dispatch, seek, clock, logger } = this.#parts;
    clock.after(RETAKE_MS, () => {
      if (assignment.signal.aborted || owned.get(partition)) return;
      const retake = async (): Promise<void> => {
        const offsets = await this.#take(partition, assignment, await this.#logStarts());
        for (const { topic, offset } of offsets) seek(topic, partition, offset);
        if (offsets.length === 0) return;
        await dispatch.adopt([partition]);
        logger.warn({ partition }, 'it is assigned to this sender still, and was taken again');
      };
      retake().catch((error: unknown) => {
        logger.warn({ err: error, partition }, 'the partition could not be taken again yet');
        this.#retakeLater(partition, assignment);
      });
    });
  }

  /** Where to read on; nothing where the assignment ended meanwhile. */
  async #take(
    partition: number,
    assignment: Assignment,
    logStarts: ReadonlyMap<string, bigint>,
  ): Promise<PartitionOffset[]> {
    const { ledger, owned, topics, member, logger } = this.#parts;
    const own = await ledger.takeOwnership(partition, member);
    const offsets: PartitionOffset[] = [];
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
    // Of a former assignment: what is there now is the next one's.
    if (assignment.signal.aborted) return [];
    owned.add(own);
    return offsets;
  }

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
