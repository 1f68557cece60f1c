import type { Ledger } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import type { Chore } from './chore.js';
import { pruneAll } from './retention.js';

const MOST = 500;

/**
 * What keeps a ledger small, however much goes through it. Every process that sends does it, for it may be the only one; several at once
 * take nothing from one another, and where nothing is due it costs a look at an index.
 */
export function keepingChores(
  ledger: Pick<Ledger, 'foldTally' | 'prune'>,
  logger: Pick<Logger, 'info'>,
): Chore[] {
  return [
    {
      name: 'tally',
      everyMs: 5_000,
      run: async () => {
        await ledger.foldTally();
      },
    },
    {
      name: 'retention',
      everyMs: 60_000,
      run: async (signal) => {
        const pruned = await pruneAll(ledger, MOST, signal);
        if (pruned > 0) logger.info({ messages: pruned }, 'old messages were erased or forgotten');
      },
    },
  ];
}
