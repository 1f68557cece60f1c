import type { ProviderStatus } from '@mersal/contracts';

/** What a callback can make of a message. */
export type ReportedState = 'sent' | 'failed' | 'delivered' | 'read';

/**
 * The state that a status of the provider stands for; every one of them proves acceptance.
 * `canceled` counts as failed: it was accepted and will not arrive.
 */
export function reportedState(status: ProviderStatus): ReportedState {
  switch (status) {
    case 'accepted':
    case 'scheduled':
    case 'queued':
    case 'sending':
    case 'sent':
      return 'sent';
    case 'undelivered':
    case 'failed':
    case 'canceled':
      return 'failed';
    case 'delivered':
      return 'delivered';
    case 'read':
      return 'read';
    default:
      return status satisfies never;
  }
}

const RANK: Readonly<Record<ReportedState, number>> = { sent: 1, failed: 2, delivered: 3, read: 4 };

/** Whether a report tells more than what is known: sent < failed < delivered < read. Callbacks carry no time of their own. */
export function outranks(reported: ReportedState, known: ReportedState): boolean {
  return RANK[reported] > RANK[known];
}
