/**
 * Where a message is, as callers see it.
 *
 *                     ┌────────────── retrying ◄─────────────┐
 *                     ▼                                      │ failed, may be repeated
 *  scheduled ─► queued ─► sending ─► sent ─► delivered ─► read
 *       │          │         │        └────► failed  (reported by the provider afterwards)
 *       │          │         ├─► unknown ─► queued, sent, or an operator decides
 *       │          │         └─► dead ─► queued (redrive)
 *       └──────────┴─► cancelled, expired        held: waits for an operator, or for the tenant's account
 */
export const MESSAGE_STATES = [
  'queued',
  'scheduled',
  'sending',
  'retrying',
  'held',
  'unknown',
  'sent',
  'delivered',
  'read',
  'failed',
  'dead',
  'cancelled',
  'expired',
] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/** What the outcomes topic tells of a message's life. */
export const OUTCOME_STATES = [
  'queued',
  'attempted',
  'retrying',
  'unknown',
  'sent',
  'failed',
  'delivered',
  'read',
  'dead',
  'cancelled',
  'expired',
] as const;
export type OutcomeState = (typeof OUTCOME_STATES)[number];

/** States in which nothing more happens by itself (`sent` may still become delivered, read or failed). */
export const FINAL_STATES: ReadonlySet<MessageState> = new Set([
  'sent',
  'delivered',
  'read',
  'failed',
  'dead',
  'cancelled',
  'expired',
]);

/** The statuses that Twilio reports of a message. */
export const PROVIDER_STATUSES = [
  'accepted',
  'scheduled',
  'queued',
  'sending',
  'sent',
  'delivered',
  'read',
  'undelivered',
  'failed',
  'canceled',
] as const;
export type ProviderStatus = (typeof PROVIDER_STATUSES)[number];
