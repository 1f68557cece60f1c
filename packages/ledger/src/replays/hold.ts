import type { Database, Statement } from '../database.js';
import { LedgerError } from '../errors.js';

/** A replay in the hands of one process. */
export interface ReplayHold {
  readonly id: string;
  /** Of this time that it was taken: whoever takes it later has another. */
  readonly heldBy: string;
}

/** How long a process that says nothing more still has it, in ms. */
export const REPLAY_HOLD_MS = 15_000;
const BEAT_MS = 5_000;

/**
 * Holds the replay while the work runs, and lets it go at its end, however it ends.
 *
 * `onError` hears of what keeps it from being held; the work finds out by itself when it saves.
 */
export async function whileHeld<T>(
  database: Database,
  hold: ReplayHold,
  options: { readonly onError: (error: unknown) => void; readonly beatMs?: number },
  work: () => Promise<T>,
): Promise<T> {
  const { onError, beatMs = BEAT_MS } = options;
  let beating: Promise<void> | undefined;
  const beat = async (): Promise<void> => {
    try {
      await requireHeld(database, holdOn(hold));
    } catch (error) {
      onError(error);
    }
  };
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, beatMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    // One under way would hold it anew after it was let go.
    await beating;
    await database.run(letGo(hold)).catch(onError);
  }
}

/** Runs a statement that changes a held replay. Throws LedgerError `replay_taken` where it changed none. */
export async function requireHeld(database: Database, statement: Statement): Promise<void> {
  const changed = await database.run(statement);
  if (changed.length === 0)
    throw new LedgerError('replay_taken', 'another process goes on with this replay, or it has ended');
}

function holdOn({ id, heldBy }: ReplayHold): Statement {
  return {
    name: 'hold-replay',
    text: `
      update replay set held_until = clock_timestamp() + $3 * interval '1 ms'
       where id = $1 and held_by = $2 and ended_at is null returning id`,
    values: [id, heldBy, REPLAY_HOLD_MS],
  };
}

function letGo({ id, heldBy }: ReplayHold): Statement {
  return {
    name: 'let-replay-go',
    text: 'update replay set held_until = null where id = $1 and held_by = $2',
    values: [id, heldBy],
  };
}
