import { type CallbackReceived, callbackReceived, PROVIDER_STATUSES } from '@mersal/contracts';

/** The form's fields; a name that is given twice has several values. */
export type CallbackForm = Readonly<Record<string, string | readonly string[]>>;

/** Whose attempt the signed URL names. */
export interface CallbackTarget {
  readonly restaurantId: string;
  readonly messageId: string;
  readonly attempt: string;
  readonly accountSid: string;
  readonly contentSid?: string | undefined;
}

export type ReadCallback =
  | { readonly kind: 'callback'; readonly callback: CallbackReceived }
  /** Genuine, and nothing that this version knows what to do with. */
  | { readonly kind: 'unknown_status' | 'malformed' };

/** What a callback whose signature was good says. The provider adds fields without notice: others are left alone. */
export function readCallback(target: CallbackTarget, form: CallbackForm, receivedAt: number): ReadCallback {
  const status = textOf(form, 'MessageStatus') ?? textOf(form, 'SmsStatus');
  if (status !== undefined && !(PROVIDER_STATUSES as readonly string[]).includes(status)) {
    return { kind: 'unknown_status' };
  }
  const errorCode = Number(textOf(form, 'ErrorCode') ?? 'none');
  const parsed = callbackReceived.safeParse({
    restaurantId: target.restaurantId,
    messageId: target.messageId,
    attempt: /^\d{1,6}$/.test(target.attempt) ? Number(target.attempt) : undefined,
    accountSid: target.accountSid,
    sid: textOf(form, 'MessageSid') ?? textOf(form, 'SmsSid'),
    status,
    receivedAt,
    ...(target.contentSid === undefined ? {} : { contentSid: target.contentSid }),
    ...(Number.isInteger(errorCode) && errorCode > 0 ? { errorCode } : {}),
  });
  return parsed.success ? { kind: 'callback', callback: parsed.data } : { kind: 'malformed' };
}

export function textOf(form: CallbackForm, name: string): string | undefined {
  const value = form[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
