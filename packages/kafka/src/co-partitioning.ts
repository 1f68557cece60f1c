/** A member of a consumer group as its leader sees it. */
export interface GroupMember {
  readonly memberId: string;
  readonly topics: readonly string[];
  /** Partitions by topic that it held before this rebalance. */
  readonly owned: Readonly<Record<string, readonly number[]>>;
}

/** Partitions by topic. */
export type MemberPartitions = Record<string, number[]>;

/**
 * Who reads what, so that partition p of all topics goes to one member.
 *
 * Members get equal numbers of partitions, give or take one, and keep what they had as far as that allows. Topics that not all
 * members read (while a new version rolls out) are shared out among those that do, each such set of topics for itself.
 * A function of its arguments alone, whatever their order.
 */
export function assignCoPartitioned(
  members: readonly GroupMember[],
  partitionCounts: Readonly<Record<string, number>>,
): Map<string, MemberPartitions> {
  const assignment = new Map<string, MemberPartitions>(members.map(({ memberId }) => [memberId, {}]));
  for (const { topics, readers } of topicSets(members, Object.keys(partitionCounts))) {
    const count = Math.max(...topics.map((topic) => partitionCounts[topic] ?? 0));
    for (const [memberId, partitions] of share(readers, topics, count)) {
      for (const topic of topics) {
        const ofTopic = partitions.filter((partition) => partition < (partitionCounts[topic] ?? 0));
        const member = assignment.get(memberId);
        if (member !== undefined && ofTopic.length > 0) member[topic] = ofTopic;
      }
    }
  }
  return assignment;
}

interface TopicSet {
  readonly topics: readonly string[];
  readonly readers: readonly GroupMember[];
}

/** Topics grouped by who reads them. */
function topicSets(members: readonly GroupMember[], topics: readonly string[]): TopicSet[] {
  const sets = new Map<string, { topics: string[]; readers: GroupMember[] }>();
  for (const topic of [...topics].sort()) {
    const readers = members.filter((member) => member.topics.includes(topic));
    if (readers.length === 0) continue;
    const key = JSON.stringify(readers.map(({ memberId }) => memberId).sort());
    const set = sets.get(key);
    if (set === undefined) sets.set(key, { topics: [topic], readers });
    else set.topics.push(topic);
  }
  return [...sets.values()];
}

function share(
  readers: readonly GroupMember[],
  topics: readonly string[],
  count: number,
): Map<string, number[]> {
  const claims = readers
    .map(({ memberId, owned }) => ({
      memberId,
      claimed: [...new Set(topics.flatMap((topic) => owned[topic] ?? []))]
        .filter((partition) => partition >= 0 && partition < count)
        .sort((a, b) => a - b),
    }))
    // Who holds most keeps the odd ones, so that the fewest move.
    .sort((a, b) => b.claimed.length - a.claimed.length || (a.memberId < b.memberId ? -1 : 1));
  const floor = Math.floor(count / claims.length);
  let extras = count % claims.length;
  const taken = new Set<number>();
  const shares = new Map<string, number[]>();
  for (const { memberId, claimed } of claims) {
    const free = claimed.filter((partition) => !taken.has(partition));
    const kept = free.slice(0, floor + (extras > 0 ? 1 : 0));
    if (kept.length > floor) extras -= 1;
    for (const partition of kept) taken.add(partition);
    shares.set(memberId, kept);
  }
  for (let partition = 0; partition < count; partition += 1) {
    if (!taken.has(partition)) leastLoaded(shares).push(partition);
  }
  for (const partitions of shares.values()) partitions.sort((a, b) => a - b);
  return shares;
}

function leastLoaded(shares: ReadonlyMap<string, number[]>): number[] {
  let least: { memberId: string; partitions: number[] } | undefined;
  for (const [memberId, partitions] of shares) {
    const fewer = least === undefined || partitions.length < least.partitions.length;
    const tied =
      least !== undefined && partitions.length === least.partitions.length && memberId < least.memberId;
    if (fewer || tied) least = { memberId, partitions };
  }
  if (least === undefined) throw new RangeError('a topic without readers');
  return least.partitions;
}
