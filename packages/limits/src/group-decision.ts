/** The rate group as it stands, and who lives: see nextGroup. */
export interface GroupView {
  readonly mode: 'redis' | 'shares';
  readonly members: readonly string[];
}

export interface MemberView {
  readonly name: string;
  /** How long Redis has answered this member, in ms; null: it does not. */
  readonly redisOkMs: number | null;
}

/** All members must see Redis for this long before the group goes back to it, in ms. */
export const REDIS_BACK_MS = 10_000;

/*
 *              Redis is away from one member
 *   redis ────────────────────────────────────────► shares of N
 *     ▲                                              │   ▲ a member came or went: shares of another N
 *     └── Redis answers every living member, 10 s ───┘───┘
 *
 * Each arrow is a new epoch. Who dispatches under it waits until all that was let through under the old one has left the
 * sliding second: a second, and as long as a claim may wait for its request.
 */
export function nextGroup(group: GroupView, live: readonly MemberView[]): GroupView | undefined {
  const names = live.map((member) => member.name).toSorted();
  if (group.mode === 'redis') {
    return live.some((member) => member.redisOkMs === null) ? { mode: 'shares', members: names } : undefined;
  }
  if (
    live.length > 0 &&
    live.every((member) => member.redisOkMs !== null && member.redisOkMs >= REDIS_BACK_MS)
  ) {
    return { mode: 'redis', members: [] };
  }
  const same =
    names.length === group.members.length && group.members.toSorted().every((name, at) => name === names[at]);
  return same ? undefined : { mode: 'shares', members: names };
}
