import type { PartitionAssigner } from 'kafkajs';
import { AssignerProtocol } from 'kafkajs';
import { assignCoPartitioned, type GroupMember } from './co-partitioning.js';

/** Kafka's name of the protocol: members of one group must agree on it, so a change of the rules needs a new name. */
export const ASSIGNER_NAME = 'mersal-co-partitioned';
export const ASSIGNER_VERSION = 1;

/**
 * The assigner of `assignCoPartitioned` for kafkajs, whose own spread partitions without regard to their numbers.
 *
 * @param owned What this member held last, by topic; told to the group's leader so that it can be kept.
 */
export function coPartitionedAssigner(
  owned: () => Readonly<Record<string, readonly number[]>>,
): PartitionAssigner {
  return ({ cluster }) => ({
    name: ASSIGNER_NAME,
    version: ASSIGNER_VERSION,
    async assign({ members, topics }) {
      const counts = Object.fromEntries(
        topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length]),
      );
      const group = members.map(({ memberId, memberMetadata }) => groupMember(memberId, memberMetadata));
      return [...assignCoPartitioned(group, counts)].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: ASSIGNER_VERSION,
          assignment,
          userData: Buffer.alloc(0),
        }),
      }));
    },
    protocol({ topics }) {
      return {
        name: ASSIGNER_NAME,
        metadata: AssignerProtocol.MemberMetadata.encode({
          version: ASSIGNER_VERSION,
          topics,
          userData: Buffer.from(JSON.stringify(owned())),
        }),
      };
    },
  });
}

function groupMember(memberId: string, metadata: Buffer): GroupMember {
  const decoded = AssignerProtocol.MemberMetadata.decode(metadata);
  return { memberId, topics: decoded?.topics ?? [], owned: ownedOf(decoded?.userData) };
}

/** What it can't read costs a member only its claim to keep its partitions. */
function ownedOf(userData: Buffer | null | undefined): Record<string, number[]> {
  if (userData === null || userData === undefined || userData.length === 0) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(userData.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
  if (typeof parsed !== 'object' || parsed === null) return {};
  return Object.fromEntries(
    Object.entries(parsed).filter((entry): entry is [string, number[]] => {
      const partitions: unknown = entry[1];
      return Array.isArray(partitions) && partitions.every((partition) => Number.isInteger(partition));
    }),
  );
}
