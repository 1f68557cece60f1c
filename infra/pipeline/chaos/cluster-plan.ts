import { clusterFaults } from './cluster-faults.js';
import { between, type FaultKind } from './fault.js';
import { type Step, shuffled } from './plan.js';
import { processFaults } from './process-faults.js';
import { servicesRestarted } from './rolling.js';
import { seeded } from './seeded.js';

/** A fault, how often it comes, and for how many messages there is room while it is on. */
export interface Share {
  readonly kind: FaultKind;
  readonly times: number;
  readonly messages: number;
}

/** Messages posted a second: under what the provider takes, so that what an outage left behind is made up for. */
export const PER_SECOND = 60;
const room = (seconds: number): number => seconds * PER_SECOND;
const processFault = (name: string): FaultKind => {
  const found = processFaults.find((kind) => kind.name === name);
  if (!found) throw new RangeError(`there is no fault ${name}`);
  return found;
};

export const wholePlan: readonly Share[] = [
  { kind: clusterFaults.brokerKilled, times: 2, messages: room(12) },
  { kind: clusterFaults.controllerKilled, times: 2, messages: room(12) },
  { kind: clusterFaults.brokerFrozen, times: 2, messages: room(10) },
  { kind: clusterFaults.twoBrokersDown, times: 1, messages: room(10) },
  { kind: clusterFaults.tooFewInSync, times: 1, messages: room(6) },
  { kind: clusterFaults.brokersRestarted, times: 1, messages: room(30) },
  { kind: servicesRestarted, times: 1, messages: room(45) },
  { kind: processFault('sender killed'), times: 1, messages: room(6) },
  { kind: processFault('ingress killed'), times: 1, messages: room(6) },
];

export const shortPlan: readonly Share[] = [
  { kind: clusterFaults.controllerKilled, times: 1, messages: room(6) },
  { kind: servicesRestarted, times: 1, messages: room(20) },
];

/** The steps of a run in an order of the seed's, and how many messages it has. The same seed gives the same plan. */
export function clusterPlanOf(
  seed: number,
  shares: readonly Share[],
): { readonly plan: Step[]; readonly messages: number } {
  const random = seeded(seed);
  const order = shuffled(
    shares.flatMap((share) => Array.from({ length: share.times }, () => share)),
    random,
  );
  return inTurn(order, room(2), random);
}

/** Shares as steps one behind the other, with that many messages before the first and after the last. */
export function inTurn(
  shares: readonly Share[],
  edge: number,
  random: () => number,
): { readonly plan: Step[]; readonly messages: number } {
  let at = edge;
  const plan = shares.map(({ kind, messages }) => {
    const step = { at, afterMs: between(random, 0, 300), fault: kind.draw(random) };
    at += messages;
    return step;
  });
  return { plan, messages: at + edge };
}
