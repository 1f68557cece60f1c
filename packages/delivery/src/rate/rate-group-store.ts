import {
  beat,
  changeGroup,
  type Database,
  leaveGroup,
  type LiveMember,
  type RateGroupState,
} from '@mersal/ledger';

/** Where the group of senders keeps how it keeps the rate. Fails with LedgerError `unavailable`. */
export interface RateGroupStore {
  /** Says that this member lives and whether Redis answers it; returns the group and who else lives. */
  beat(
    name: string,
    redisOk: boolean,
  ): Promise<{ readonly group: RateGroupState; readonly live: readonly LiveMember[] }>;
  /** A new epoch, by compare-and-set; undefined: somebody was first. */
  change(
    from: number,
    to: { readonly mode: 'redis' | 'shares'; readonly members: readonly string[] },
  ): Promise<RateGroupState | undefined>;
  leave(name: string): Promise<void>;
}

export function databaseRateGroup(database: Database): RateGroupStore {
  return {
    beat: (name, redisOk) => beat(database, name, redisOk),
    change: (from, to) => changeGroup(database, from, to),
    leave: async (name) => void (await database.run(leaveGroup(name))),
  };
}
