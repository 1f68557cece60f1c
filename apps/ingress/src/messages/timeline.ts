import type { MessageView } from '@mersal/ledger';

/** One thing that happened to a message. */
export interface TimelineEntry {
  readonly at: string;
  readonly event: string;
  readonly attempt?: number;
  readonly outcome?: string;
  readonly sid?: string;
  readonly code?: number;
}

/** Ends that the message itself tells, as no attempt or callback does. */
const ENDS: ReadonlySet<string> = new Set(['cancelled', 'expired', 'dead']);

/** The message's story in the order of time; of equal times, in the order of causes. */
export function timelineOf(
  view: Pick<MessageView, 'acceptedAt' | 'changedAt' | 'status' | 'attempts' | 'callbacks'>,
): TimelineEntry[] {
  const happened: (Omit<TimelineEntry, 'at'> & { readonly ms: number })[] = [
    { ms: view.acceptedAt, event: 'accepted' },
  ];
  for (const one of view.attempts) {
    const { attempt } = one;
    happened.push({ ms: one.startedAt, event: 'attempt', attempt });
    if (one.finishedAt !== null) {
      happened.push({
        ms: one.finishedAt,
        event: 'outcome',
        attempt,
        outcome: one.outcome,
        ...(one.sid === null ? {} : { sid: one.sid }),
        ...(one.code === null ? {} : { code: one.code }),
      });
    }
  }
  for (const { receivedAt, status, sid, code } of view.callbacks) {
    happened.push({ ms: receivedAt, event: `callback ${status}`, sid, ...(code === null ? {} : { code }) });
  }
  if (ENDS.has(view.status)) happened.push({ ms: view.changedAt, event: view.status });
  return happened
    .toSorted((a, b) => a.ms - b.ms)
    .map(({ ms, ...entry }) => ({ at: new Date(ms).toISOString(), ...entry }));
}
