import type { Breakers } from '@mersal/lanes';
import type { OpenBreaker } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import type { Clock } from '../clock/clock.js';
import { type Beats, beats } from './beats.js';

/** Told of at once: beyond it nobody looks at them one by one. */
const MOST = 100;

/** Tells every 2 s which breakers are not closed; once more when the last of them is, and then nothing. */
export function reportBreakers(
  breakers: Pick<Breakers, 'open'>,
  tell: (open: readonly OpenBreaker[]) => Promise<void>,
  clock: Pick<Clock, 'every' | 'now' | 'wall'>,
  logger: Pick<Logger, 'warn'>,
): Beats {
  let told = 0;
  const report = async (): Promise<void> => {
    const now = clock.now();
    const open = breakers.open(now, MOST).map(({ account, state, since }) => ({
      accountSid: account ?? null,
      state,
      since: clock.wall() - (now - since),
    }));
    if (open.length === 0 && told === 0) return;
    await tell(open);
    told = open.length;
  };
  return beats(report, clock, logger, 'the breakers could not be told of');
}
