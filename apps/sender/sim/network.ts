import { LedgerError } from '@mersal/ledger';
import type { Host } from './host.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

/** How calls to a server go wrong, in shares of the calls. */
export interface Weather {
  /** Fails before the server did anything. */
  failBefore: number;
  /** Fails although the server did it. */
  failAfter: number;
  /** Takes long: up to this, in ms. */
  slowMs: number;
  /** Not reachable until then, in ms of the timeline. */
  awayUntil: number;
}

export function calm(): Weather {
  return { failBefore: 0, failAfter: 0, slowMs: 0, awayUntil: 0 };
}

/** A call from a host to a server: it happens there whether or not the host still lives, the answer may be lost. */
export function call<T>(
  world: { readonly timeline: Timeline; readonly random: Random },
  host: Host,
  weather: Weather,
  work: () => Promise<T>,
  fault: () => Error = unavailable,
): Promise<T> {
  const { timeline, random } = world;
  return new Promise((resolve, reject) => {
    if (!host.leaves()) return;
    const slow = weather.slowMs > 0 && random.chance(0.1) ? random.between(0, weather.slowMs) : 0;
    const there = random.between(0.1, 1.5) + slow;
    if (timeline.now + there < weather.awayUntil) {
      host.deliver(there + random.between(0, 5), () => reject(fault()));
      return;
    }
    const failsBefore = random.chance(weather.failBefore);
    const failsAfter = random.chance(weather.failAfter);
    // Mostly one step there and back; an answer that takes its own time lets others act in between.
    const back = random.chance(0.3) ? random.between(0.1, 3) + (slow > 0 ? random.between(0, slow) : 0) : 0;
    const answer = (arrives: () => void): void => {
      if (back === 0) host.deliverAtOnce(arrives);
      else host.deliver(back, arrives);
    };
    timeline.after(there, () => {
      if (failsBefore) {
        answer(() => reject(fault()));
        return;
      }
      work().then(
        (value) => answer(() => (failsAfter ? reject(fault()) : resolve(value))),
        (error: unknown) => answer(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    });
  });
}

function unavailable(): LedgerError {
  return new LedgerError('unavailable', 'the connection broke (simulated)');
}
