/** A claim may be this old when its request is written, in ms: older ones are released. */
export const CLAIM_AGE_MS = 2_000;
/** What a lease outlives the time-out and the claim's age by, in ms: clocks, garbage collection, a slow settlement. */
const LEASE_MARGIN_MS = 8_000;

/** How long a claim's slot and message are its own, in ms. */
export function leaseMs(settings: { readonly TWILIO_TIMEOUT_MS: number }): number {
  return settings.TWILIO_TIMEOUT_MS + CLAIM_AGE_MS + LEASE_MARGIN_MS;
}
