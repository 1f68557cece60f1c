import { engineFaults } from './engine-faults.js';
import { between, type DrawnFault, type FaultKind } from './fault.js';
import { processFaults } from './process-faults.js';
import { providerFaults } from './provider-faults.js';
import { seeded } from './seeded.js';

export const faultKinds: readonly FaultKind[] = [...processFaults, ...engineFaults, ...providerFaults];

export interface Step {
  /** It begins when so many messages have been accepted here… */
  readonly at: number;
  /** … and so many ms after that. */
  readonly afterMs: number;
  readonly fault: DrawnFault;
}

/** Messages between two faults of a run, at most; with fewer kinds than that makes room for, kinds come again. */
const EVERY = 115;
/** The share of a run's messages in which faults begin: the last ones see how it gets over them. */
const UNTIL = 0.95;

/**
 * The faults of a run, all that is random about them drawn beforehand: each kind once, in an order of the seed's, and
 * then more by their weights. The same seed gives the same plan.
 */
export function planOf(seed: number, messages: number, kinds: readonly FaultKind[] = faultKinds): Step[] {
  const random = seeded(seed);
  const order = shuffled(kinds, random);
  while (order.length < messages / EVERY) order.push(byWeight(kinds, random));
  return order.map((kind, n) => ({
    at: Math.floor((messages * UNTIL * (n + 0.5)) / order.length),
    afterMs: between(random, 0, 300),
    fault: kind.draw(random),
  }));
}

export function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const left = [...all];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}

function byWeight(kinds: readonly FaultKind[], random: () => number): FaultKind {
  let at = random() * kinds.reduce((sum, kind) => sum + kind.weight, 0);
  const found = kinds.find((kind) => {
    at -= kind.weight;
    return at < 0;
  });
  if (!found) throw new RangeError('there is no kind of fault to draw');
  return found;
}
