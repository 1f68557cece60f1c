import { createHash } from 'node:crypto';
import type { KeyedRate } from '@mersal/limits';
import type { Clock } from '../clock/clock.js';

export interface NumberPaceParts {
  readonly rate: KeyedRate;
  /** Messages a second of one number. */
  readonly perSecond: number;
  readonly clock: Clock;
}

/** The rate of each sender number at the provider. A claimed message waits for its number's instant, within its claim's age. */
export class NumberPace {
  readonly #parts: NumberPaceParts;

  constructor(parts: NumberPaceParts) {
    this.#parts = parts;
  }

  /** False: it would take until after `deadline` (monotonic, in ms). */
  reach(sender: string, deadline: number): Promise<boolean> {
    // No number in clear leaves the process but to the provider.
    const hash = createHash('sha256').update(sender).digest('base64url').slice(0, 22);
    return reachRate(this.#parts, `number:${hash}`, deadline);
  }
}

/** Waits until the key's rate allows one more. False: that would be after `deadline` (monotonic, in ms). */
export async function reachRate(
  { rate, perSecond, clock }: NumberPaceParts,
  key: string,
  deadline: number,
): Promise<boolean> {
  for (;;) {
    const [grant] = await rate.reserve([{ key, perSecond }]);
    if (!grant || grant.at > deadline) return false;
    if (grant.waitMs > 0) await clock.sleep(grant.waitMs);
    if (grant.granted) return true;
  }
}
