import type { SendRequested } from '@mersal/contracts';
import type { SendRequest } from '@mersal/twilio-gateway';

export interface CallbackTarget {
  readonly publicUrl: string;
  readonly restaurantId: string;
  readonly messageId: string;
  readonly attempt: number;
  readonly accountSid: string;
  /** What a template's name stood for at this attempt: a report that it is gone names it. */
  readonly contentSid: string | undefined;
  readonly traceparent: string | undefined;
}

/** The URL that Twilio reports to, and signs: it says whose attempt it is, and continues its trace. */
export function statusCallbackUrl(target: CallbackTarget): string {
  const url = new URL('/webhooks/twilio/status', target.publicUrl);
  url.searchParams.set('restaurant', target.restaurantId);
  url.searchParams.set('message', target.messageId);
  url.searchParams.set('attempt', String(target.attempt));
  url.searchParams.set('account', target.accountSid);
  if (target.contentSid !== undefined) url.searchParams.set('content', target.contentSid);
  if (target.traceparent !== undefined) url.searchParams.set('traceparent', target.traceparent);
  return url.href;
}

/** The provider's longest queue time, in s: what it can't send within it fails visibly instead of arriving late. */
export const LONGEST_VALIDITY_S = 14_400;

export function toSendRequest(
  send: SendRequested,
  resolved: { readonly contentSid?: string | undefined },
  statusCallback: string,
  now: number,
): SendRequest {
  const left = send.expiresAt === undefined ? LONGEST_VALIDITY_S : Math.ceil((send.expiresAt - now) / 1_000);
  const shared = {
    from: send.from,
    to: send.to,
    statusCallback,
    validityPeriodS: Math.min(LONGEST_VALIDITY_S, Math.max(1, left)),
  };
  const { content } = send;
  switch (content.kind) {
    case 'text':
      return { ...shared, body: content.text };
    case 'contentSid':
      return { ...shared, contentSid: content.contentSid, contentVariables: content.contentVariables };
    case 'template':
      return { ...shared, contentSid: resolved.contentSid ?? '', contentVariables: content.contentVariables };
    default:
      return content satisfies never;
  }
}
