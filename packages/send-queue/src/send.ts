/** What is to be delivered: a text, or a template by its SID or name with its variables. */
export type SendContent =
  | { readonly text: string; readonly contentSid?: never; readonly template?: never }
  | {
      readonly contentSid: string;
      readonly contentVariables?: Readonly<Record<string, string>>;
      readonly text?: never;
      readonly template?: never;
    }
  | {
      readonly template: string;
      readonly contentVariables?: Readonly<Record<string, string>>;
      readonly text?: never;
      readonly contentSid?: never;
    };

/** One message to one customer of a restaurant. */
export type WhatsAppSend = SendContent & {
  /** For platform keys; a restaurant's own key speaks for itself. */
  readonly restaurantId?: string;
  /** Messages of one conversation are sent in order. Default: derived from the two numbers. */
  readonly conversationId?: string;
  /** E.164, `whatsapp:` before it is allowed. */
  readonly phoneNumber: string;
  /** One of the restaurant's numbers; default its first. */
  readonly fromNumber?: string;
  /** Not before this time. */
  readonly sendAt?: Date | string;
  /** Not after this time. */
  readonly expiresAt?: Date | string;
  /** Given back with the message. */
  readonly metadata?: Readonly<Record<string, unknown>>;
};

export interface EnqueuedSend {
  /** By it the message is asked for later: GET /api/messages/:id. */
  readonly id: string;
  /** `queued`, or `scheduled`; `sent` or `unknown` where the queue is switched off. */
  readonly status: string;
  /** The provider's, where the queue is switched off. */
  readonly sid?: string;
  readonly [more: string]: unknown;
}

/** Counts of messages by what became of them; see GET /api/queue/metrics. */
export interface QueueMetrics {
  readonly accepted: number;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  /** Accepted by the provider. */
  readonly completed: number;
  /** Reported failed later, or dead. */
  readonly failed: number;
  readonly dead: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly tenantConcurrency: Readonly<Record<string, { readonly active: number; readonly limit: number }>>;
  readonly [more: string]: unknown;
}
