import type { OutcomeRow } from './outcome-table.js';

/** A tenant's own account at the provider. */
export interface ProviderAccount {
  readonly accountSid: string;
  readonly authToken: string;
}

export interface SendRequest {
  /** Channel addresses: `whatsapp:+…`. */
  readonly from: string;
  readonly to: string;
  readonly body?: string;
  readonly contentSid?: string;
  readonly contentVariables?: Readonly<Record<string, string>>;
  readonly statusCallback: string;
  /** How long the provider may keep it queued, 1–36,000 s. */
  readonly validityPeriodS?: number;
}

/** What ended an exchange, for metrics: `http` is an answer that could be read. */
export type OutcomeCause =
  | 'http'
  | 'credentials'
  | 'socket_wait'
  | 'connect'
  | 'connect_timeout'
  | 'timeout'
  | 'reset'
  | 'truncated'
  | 'unparsable'
  | 'oversized'
  | 'aborted';

/**
 * How one attempt ended. Total: whatever the provider or the network did is one of these. Nothing in it repeats
 * the request, the credentials or the provider's own wording (which quotes phone numbers).
 */
export interface SendOutcome {
  readonly class: OutcomeRow['class'];
  readonly action: OutcomeRow['action'];
  readonly cause: OutcomeCause;
  /** False: the code was not in the table and the HTTP status decided. Count these. */
  readonly known: boolean;
  readonly countsAttempt: boolean;
  readonly message: string;
  readonly sid?: string;
  readonly status?: string;
  readonly code?: number;
  readonly httpStatus?: number;
  /** From `Retry-After`, in ms, capped at 24 h. */
  readonly retryAfterMs?: number;
  /** How long to pause and what, where the table knows. */
  readonly pause?: OutcomeRow['pause'];
  /** The account's daily cap: pause the whole tenant. */
  readonly accountCapped?: boolean;
  /** From the call to its end, in ms on a monotonic clock. */
  readonly elapsedMs: number;
  /** The provider's own `Twilio-Request-Duration`, in ms. */
  readonly providerMs?: number;
  /** The provider's own `Twilio-Concurrent-Requests`. */
  readonly concurrentRequests?: number;
}

export interface MessageRecord {
  readonly sid: string;
  readonly status: string;
  readonly to: string;
  readonly from: string;
  /** The provider's clock, whole seconds. */
  readonly dateCreated: Date;
  readonly dateSent: Date | null;
  readonly errorCode?: number;
  readonly body: string;
}

export interface MessageListing {
  /** True only when every page was read: an incomplete listing proves no absence. */
  readonly complete: boolean;
  readonly messages: readonly MessageRecord[];
  /** Why it is incomplete; absent when a page limit cut it off. */
  readonly failure?: SendOutcome;
}

/** An answer, where `null` means that the provider says it does not exist; or how asking failed. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly outcome: SendOutcome };

export interface ContentRecord {
  readonly sid: string;
  readonly friendlyName: string;
  readonly language: string;
  readonly dateCreated: Date;
}

export interface ContentDefinition {
  readonly friendlyName: string;
  readonly language: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** By content type, e.g. `{ 'twilio/text': { body: 'Hello {{1}}' } }`, in the provider's own snake_case. */
  readonly types: Readonly<Record<string, object>>;
}

export interface ContentGateway {
  /** The oldest template of that exact name: names are not unique, and all processes must agree on one. */
  find(account: ProviderAccount, friendlyName: string): Promise<Answer<ContentRecord | null>>;
  create(account: ProviderAccount, definition: ContentDefinition): Promise<Answer<ContentRecord>>;
  fetch(account: ProviderAccount, sid: string): Promise<Answer<ContentRecord | null>>;
}

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** The whole request was handed to the operating system just now. Not called where it never was. */
  readonly onWritten?: (() => void) | undefined;
}

/** The provider, as the engine sees it. No method throws for what the provider or the network did. */
export interface TwilioGateway {
  send(account: ProviderAccount, request: SendRequest, options?: SendOptions): Promise<SendOutcome>;
  /**
   * Messages of one pair of addresses created at or after `since` (compared in whole seconds of the provider's
   * clock: subtract your own allowance for clocks that differ).
   */
  list(
    account: ProviderAccount,
    filter: { readonly to: string; readonly from: string; readonly since: Date },
  ): Promise<MessageListing>;
  fetch(account: ProviderAccount, sid: string): Promise<Answer<MessageRecord | null>>;
  readonly contents: ContentGateway;
  /** Closes the connections; requests under way end as the network would end them. */
  close(): Promise<void>;
}
