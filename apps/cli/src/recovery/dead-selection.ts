import type { Database, DeadFilter, DeadLetter } from '@mersal/ledger';
import { letterId, RECORD_ID, uOfLetter } from '@mersal/recovery';
import { findMessage, findTenant } from '../commands/find.js';
import { EXIT } from '../exit-codes.js';
import { CliError } from '../report.js';

/** Which dead letters, as the command line names them. */
export interface DeadChoice {
  readonly all?: boolean | undefined;
  readonly id?: readonly string[] | undefined;
  readonly code?: string | undefined;
  readonly restaurant?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new CliError('time_invalid', `${name} is a time such as 2026-11-24T08:00:00Z`, EXIT.usage);
  return ms;
}

/** What is to be put back or away has to be named: one of --all, --id, --code. */
export function requireSelection({ all, id, code }: DeadChoice): void {
  const given = [all === true, id !== undefined, code !== undefined].filter(Boolean).length;
  if (given !== 1) throw new CliError('selection_missing', 'name one of --all, --id or --code', EXIT.usage);
}

export async function filterOf(database: Database, choice: DeadChoice): Promise<DeadFilter> {
  const filter = {
    code: choice.code,
    from: timeOf('--from', choice.from),
    to: timeOf('--to', choice.to),
    us: choice.id?.map(uOf),
  };
  return choice.restaurant === undefined
    ? filter
    : { ...filter, tenant: await findTenant(database, choice.restaurant) };
}

/** Ids that were named and are no dead letters (any more). Fails where there never was such a message. */
export async function notDead(
  database: Database,
  ids: readonly string[],
  letters: readonly Pick<DeadLetter, 'u' | 'tag'>[],
): Promise<string[]> {
  const dead = new Set(letters.map(letterId));
  const others = [...new Set(ids)].filter((id) => !dead.has(id));
  for (const id of others) {
    if (RECORD_ID.test(id)) throw new CliError('letter_unknown', `there is no dead letter ${id}`);
    await findMessage(database, id);
  }
  return others;
}

function uOf(id: string): string {
  const u = uOfLetter(id);
  if (u === undefined) throw new CliError('id_invalid', `${id} is not the id of a dead letter`, EXIT.usage);
  return u;
}
