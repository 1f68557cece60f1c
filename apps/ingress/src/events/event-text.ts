import { joinMessageId } from '@mersal/contracts';
import type { MessageEvent } from '@mersal/ledger';

/**
 * What a reader has been told: all events up to `after`, and of a message whose state it was told also those up to `pending` in
 * the outbox. Sent as the id of every event, so that a reader who comes back is told the rest and nothing twice.
 */
export interface Told {
  readonly after: string;
  readonly pending: string;
}

const FORM = /^(\d{1,18})\.(\d{1,18})$/;

/** Undefined where the text is no id of ours. */
export function readEventId(text: string | undefined): Told | undefined {
  const [, after, pending] = FORM.exec(text ?? '') ?? [];
  return after === undefined || pending === undefined ? undefined : { after, pending };
}

/** One event as it is sent (WHATWG HTML, server-sent events). */
export function eventText(name: 'state' | 'outcome', told: Told, data: object): string {
  return `id: ${told.after}.${told.pending}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

export const HEARTBEAT = ': still here\n\n';

/** Said once at the beginning: how soon a reader whose stream ended may come back, in ms. */
export const RETRY = 'retry: 2000\n\n';

/** A step as readers see it: no number, no text, no account. */
export interface OutcomeBody {
  readonly id: string;
  readonly restaurantId: string;
  readonly conversationId: string | null;
  readonly status: string;
  readonly attempt: number;
  readonly redrive: number;
  readonly at: string;
  readonly sid: string | null;
  readonly error: { readonly class: string; readonly code: number | null } | null;
  readonly retryAt: string | null;
}

export function outcomeBody(restaurantId: string, event: MessageEvent): OutcomeBody {
  const { sid, error, notBefore } = event.detail;
  return {
    id: joinMessageId(event.u, event.tag),
    restaurantId,
    conversationId: event.conversation === '' ? null : event.conversation,
    status: event.state,
    attempt: event.attempt,
    redrive: event.redrive,
    at: new Date(event.at).toISOString(),
    sid: typeof sid === 'string' ? sid : null,
    error: errorOf(error),
    retryAt: typeof notBefore === 'number' ? new Date(notBefore).toISOString() : null,
  };
}

function errorOf(error: unknown): OutcomeBody['error'] {
  if (typeof error !== 'object' || error === null || !('class' in error)) return null;
  const code = 'code' in error && typeof error.code === 'number' ? error.code : null;
  return typeof error.class === 'string' ? { class: error.class, code } : null;
}
