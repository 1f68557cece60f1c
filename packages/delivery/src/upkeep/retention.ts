import type { Ledger, Retention } from '@mersal/ledger';

const DAY_MS = 86_400_000;
/** Longer than the dead-letter topic keeps its records: an id that is forgotten earlier could be sent again by a replay. */
const RETENTION: Retention = { detailMs: 30 * DAY_MS, idMs: 45 * DAY_MS };

/**
 * Erases and forgets all that is due, so many messages a statement: what 80 messages a second leave behind in a minute is more than one
 * should touch. Returns how many they were.
 */
export async function pruneAll(
  ledger: Pick<Ledger, 'prune'>,
  most: number,
  signal: AbortSignal,
): Promise<number> {
  let pruned = 0;
  for (let more = true; more && !signal.aborted; ) {
    const now = await ledger.prune(RETENTION, most);
    pruned += now;
    more = now >= most;
  }
  return pruned;
}
