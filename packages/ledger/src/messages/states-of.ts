import type { Row, Statement } from '../database.js';
import { MESSAGE, type StoredState } from '../states.js';

/** A message by its primary key. */
export interface MessageKey {
  readonly tenant: number;
  /** 32 hex digits. */
  readonly u: string;
}

/** A stored state by its name; `waiting` includes the one that is being sent. */
export type StateName = keyof typeof MESSAGE;

export const STATE_NAMES: ReadonlyMap<StoredState, StateName> = new Map(
  Object.entries(MESSAGE).map(([name, state]) => [state, name as StateName]),
);

/** The states of many messages at once, in the order of their keys. */
export function statesOf(keys: readonly MessageKey[]): Statement {
  return {
    name: 'states-of',
    text: `
      select m.state from unnest($1::int[], $2::uuid[]) with ordinality i(tenant, u, o)
        left join message m on m.tenant = i.tenant and m.u = i.u
       order by i.o`,
    values: [keys.map((key) => key.tenant), keys.map((key) => key.u)],
  };
}

export function toStateName(row: Row): StateName | undefined {
  return row['state'] === null ? undefined : STATE_NAMES.get(row['state'] as StoredState);
}
