import type { Share } from './cluster-plan.js';
import { servicesReplaced } from './rolling.js';

/** Messages posted a second. */
export const PER_SECOND = 40;
const room = (seconds: number): number => seconds * PER_SECOND;

/**
 * Half of the services of the next release beside the others of the one before, then taken back, as somebody would who does not
 * like what they see, then all of them. In this order: it is what happens.
 */
export function upgradePlan(releases: { readonly before: string; readonly next: string }): readonly Share[] {
  const isFirst = (service: string): boolean => /-[13]$/.test(service);
  const { before, next } = releases;
  const kinds = [
    servicesReplaced({
      named: 'half of them replaced by the next release',
      release: next,
      prepares: true,
      chosen: isFirst,
    }),
    servicesReplaced({ named: 'that half taken back', release: before, prepares: false, chosen: isFirst }),
    servicesReplaced({
      named: 'all of them replaced by the next release',
      release: next,
      prepares: true,
      chosen: () => true,
    }),
  ];
  return kinds.map((kind) => ({ kind, times: 1, messages: room(40) }));
}
