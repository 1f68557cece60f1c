import type { RedriveRefusal } from '@mersal/ledger';

/** Why a dead letter can not be put back, and what to do instead. */
export const REFUSALS: Readonly<Record<RedriveRefusal, string>> = {
  unfiled:
    'the record never became a message: where its reason is gone (a restaurant was missing, a version could not read it), replay the time at which it came',
  outcome_unknown:
    'nobody knows whether the provider accepted it: sent again, it could arrive twice; look at the provider and discard it',
  past_expiry: 'its time to be sent has passed',
};

export function refusalText(reason: string): string {
  return (REFUSALS as Readonly<Record<string, string | undefined>>)[reason] ?? reason;
}
