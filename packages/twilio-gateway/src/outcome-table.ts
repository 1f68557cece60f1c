/**
 * What an attempt's end means. `accepted`: the provider took it. `throttled`, `paused`, `not_sent`: never processed
 * (or refused by a limit), come back later. `transient`: failed for now. `ambiguous`: may have been accepted,
 * reconcile first. `rejected`: refused for a reason this table does not know. The rest say who or what is at fault.
 */
export type OutcomeClass =
  | 'accepted'
  | 'throttled'
  | 'paused'
  | 'not_sent'
  | 'transient'
  | 'ambiguous'
  | 'recipient'
  | 'opted_out'
  | 'marketing'
  | 'content'
  | 'policy'
  | 'template_gone'
  | 'template_unusable'
  | 'tenant_suspended'
  | 'rejected';

export type OutcomeAction =
  | 'complete'
  | 'retry'
  | 'pause_then_retry'
  | 'reconcile'
  | 'dead_letter'
  | 'dead_letter_and_suppress'
  | 'dead_letter_and_alert'
  /** Never again to a US number; elsewhere with growing delays. */
  | 'retry_growing_outside_us'
  /** Drop the cached SID, recreate once, then stop. */
  | 'recreate_template_once'
  | 'disable_template'
  | 'hold_tenant';

/** What a limit is counted over: whom to pause. `recipient_or_sender`: one recipient if only that one is hit. */
export type PauseScope = 'account' | 'sender' | 'recipient_or_sender';

/**
 * Where a row comes from. D: read in the provider's documentation. X: tried against the SDK.
 * L: seen in a public copy of the provider's error list. M: from memory, not verified.
 */
export type SourceMark = 'D' | 'X' | 'L' | 'M';

export interface OutcomeRow {
  /** The provider's code; null for rows that an HTTP status or the network decides. */
  readonly code: number | null;
  readonly class: OutcomeClass;
  readonly action: OutcomeAction;
  readonly countsAttempt: boolean;
  /** Bounds of the pause in ms: start with min, escalate up to max. */
  readonly pause?: { readonly scope: PauseScope; readonly minMs: number; readonly maxMs: number };
  /** Our words, safe to log. */
  readonly meaning: string;
  readonly source: { readonly mark: SourceMark; readonly text: string };
  /** False for a fallback on the HTTP status. */
  readonly known: boolean;
}

/** What each class asks of the sender, and whether it uses up one of the message's attempts. */
export const outcomeClasses: Readonly<
  Record<OutcomeClass, { readonly action: OutcomeAction; readonly countsAttempt: boolean }>
> = {
  accepted: { action: 'complete', countsAttempt: true },
  throttled: { action: 'retry', countsAttempt: false },
  paused: { action: 'pause_then_retry', countsAttempt: false },
  not_sent: { action: 'retry', countsAttempt: false },
  transient: { action: 'retry', countsAttempt: true },
  ambiguous: { action: 'reconcile', countsAttempt: true },
  recipient: { action: 'dead_letter', countsAttempt: true },
  opted_out: { action: 'dead_letter_and_suppress', countsAttempt: true },
  marketing: { action: 'retry_growing_outside_us', countsAttempt: true },
  content: { action: 'dead_letter', countsAttempt: true },
  policy: { action: 'dead_letter_and_alert', countsAttempt: true },
  template_gone: { action: 'recreate_template_once', countsAttempt: true },
  template_unusable: { action: 'disable_template', countsAttempt: true },
  tenant_suspended: { action: 'hold_tenant', countsAttempt: false },
  rejected: { action: 'dead_letter', countsAttempt: true },
};

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const page: Source = ['D', "the provider's page of this error code"];
const mapping: Source = ['D', "the provider's table of corresponding WhatsApp codes"];
const list: Source = ['L', "a public copy of the provider's error list"];
const collected: Source = [
  'M',
  'collected when this table was designed; not read again on the page of the code',
];

type Source = readonly [SourceMark, string];
type Pause = OutcomeRow['pause'];
const over = (scope: PauseScope, minMs: number, maxMs: number): Pause => ({ scope, minMs, maxMs });

const rows: readonly (readonly [number, OutcomeClass, string, Source, Pause?])[] = [
  [20429, 'throttled', 'too many requests, not processed', collected],
  [63038, 'paused', 'daily message limit of the account', page, over('account', HOUR, 24 * HOUR)],
  [
    63018,
    'paused',
    'limit of the account, sender, portfolio or pair',
    page,
    over('recipient_or_sender', 6 * SECOND, 24 * HOUR),
  ],
  [
    63017,
    'paused',
    'rate limit over the account and its subaccounts',
    page,
    over('account', SECOND, 10 * MINUTE),
  ],
  [21611, 'paused', "the sender's queue at the provider is full", page, over('sender', MINUTE, 4 * HOUR)],
  [30001, 'paused', 'queue overflow at the provider', page, over('sender', MINUTE, 4 * HOUR)],
  [35125, 'paused', 'too many scheduled messages', collected, over('account', MINUTE, 4 * HOUR)],
  [63009, 'transient', 'the channel returned an error', list],
  [63010, 'transient', 'internal error of the provider', mapping],
  [63012, 'transient', 'internal error of the channel', mapping],
  [63023, 'transient', 'generic error of the channel', page],
  [63037, 'transient', 'the channel could not be reached for now', collected],
  [30008, 'transient', 'unknown error of delivery', list],
  [30020, 'transient', 'internal failure of delivery', collected],
  [30021, 'transient', 'internal failure of delivery', collected],
  [30036, 'transient', 'stayed in the queue longer than its validity period', page],
  [20500, 'ambiguous', 'internal server error', collected],
  [20503, 'ambiguous', 'service unavailable', collected],
  [21211, 'recipient', 'the recipient number is not valid', collected],
  [21604, 'recipient', 'a recipient is required', collected],
  [21614, 'recipient', 'the recipient is not a mobile number', collected],
  [63003, 'recipient', 'the channel could not find the recipient', page],
  [63024, 'recipient', 'the recipient is not valid on the channel', mapping],
  [63031, 'recipient', 'sender and recipient are the same', list],
  [63032, 'recipient', 'the channel does not let this user be written to', mapping],
  [63015, 'recipient', 'the recipient has not joined the sandbox', list],
  [21610, 'opted_out', 'the recipient unsubscribed', collected],
  [63014, 'opted_out', 'the recipient blocked the sender', page],
  [63033, 'opted_out', 'the recipient blocked the sender (deprecated code)', mapping],
  [63049, 'marketing', 'the channel chose not to deliver this marketing message', collected],
  [63016, 'content', 'free text outside the 24 h window', mapping],
  [63005, 'content', 'the channel did not accept the content', mapping],
  [63006, 'content', 'the content could not be formatted for the channel', list],
  [63019, 'content', 'the media could not be downloaded', mapping],
  [63021, 'content', 'the channel found the content invalid', mapping],
  [63028, 'content', 'another number of template parameters is expected', mapping],
  [63030, 'content', 'a parameter that this type of message does not support', mapping],
  [63034, 'content', 'the media exceeds the size limit', list],
  [21617, 'content', 'the body exceeds 1,600 characters', collected],
  [21619, 'content', 'a body, media or template is required', collected],
  [21654, 'content', 'template variables without a template', page],
  [92005, 'content', 'template variables without a template', page],
  [21656, 'content', 'the template variables are not valid', page],
  [63013, 'policy', "against the channel's policy", mapping],
  [63026, 'policy', "against the channel's policy", collected],
  [30007, 'policy', 'filtered as objectionable', list],
  [21655, 'template_gone', "the template is malformed, deleted or another account's", page],
  [63027, 'template_gone', 'the template does not exist for the language', mapping],
  [63040, 'template_unusable', 'the template was rejected', list],
  [63041, 'template_unusable', 'the template is paused', list],
  [63042, 'template_unusable', 'the template is disabled', list],
  [63054, 'template_unusable', 'the template can not be used', collected],
  [20003, 'tenant_suspended', 'authentication failed', collected],
  [70051, 'tenant_suspended', 'authorization failed', collected],
  [20005, 'tenant_suspended', 'the account is not active', collected],
  [20403, 'tenant_suspended', 'forbidden', collected],
  [20404, 'tenant_suspended', "not found: the account's set-up is wrong", collected],
  [10001, 'tenant_suspended', 'the account is not active', collected],
  [30002, 'tenant_suspended', 'the account is suspended', list],
  [63001, 'tenant_suspended', 'the channel could not authenticate the sender', mapping],
  [63020, 'tenant_suspended', 'the business account on the channel is restricted', mapping],
  [63051, 'tenant_suspended', 'the sender is locked on the channel', collected],
  [63002, 'tenant_suspended', 'the channel could not find the sender', list],
  [63007, 'tenant_suspended', 'no channel has this sender', list],
  [63008, 'tenant_suspended', 'the channel is misconfigured', list],
  [63022, 'tenant_suspended', 'the sender is not verified on the channel', mapping],
  [21603, 'tenant_suspended', 'a sender is required', collected],
  [21606, 'tenant_suspended', "the sender is not the account's", collected],
  [21408, 'tenant_suspended', 'sending to this region is not enabled', collected],
  [21609, 'content', 'the status callback URL is not valid', collected],
];

/** Every provider code we know, one row a code. Codes change without notice: this is data, never branches. */
export const outcomeTable: readonly OutcomeRow[] = rows.map(([code, kind, meaning, source, pause]) => ({
  code,
  class: kind,
  ...outcomeClasses[kind],
  ...(pause && { pause }),
  meaning,
  source: { mark: source[0], text: source[1] },
  known: true,
}));
