import { randomUUID } from 'node:crypto';
import type { SimulatedAccount } from './accounts.js';
import { type ContentStore, renderContent } from './content-store.js';
import { API_VERSION, type Message, messageResource } from './message-resource.js';
import type { MessageStore } from './message-store.js';
import { ProviderError } from './provider-error.js';

const CHANNEL_ADDRESS = /^whatsapp:\+[1-9]\d{6,14}$/;
const E164 = /^\+[1-9]\d{6,14}$/;
const CONTENT_SID = /^HX[0-9a-fA-F]{32}$/;
const MAX_BODY = 1_600;
const MAX_VALIDITY_S = 36_000;

/** A create that would be accepted. */
export interface ValidCreate {
  readonly from: string;
  readonly to: string;
  readonly body: string;
  readonly statusCallback: string;
}

/** Checks a create as the provider does; the first fault is thrown as its error. */
export function validateCreate(
  form: URLSearchParams,
  account: SimulatedAccount,
  contents: ContentStore,
): ValidCreate {
  const to = form.get('To') ?? '';
  const from = form.get('From') ?? '';
  if (to === '') throw new ProviderError(400, 21604, "A 'To' phone number is required.");
  if (from === '') throw new ProviderError(400, 21603, "A 'From' phone number is required.");
  const channel = to.startsWith('whatsapp:');
  if (!(channel ? CHANNEL_ADDRESS : E164).test(to))
    throw new ProviderError(400, 21211, `Invalid 'To' Phone Number: ${to}`);
  if (!account.numbers.includes(from.replace(/^whatsapp:/, ''))) {
    throw channel
      ? new ProviderError(400, 63007, 'Twilio could not find a Channel with the specified From address')
      : new ProviderError(400, 21606, `The 'From' phone number ${from} is not valid for your account`);
  }
  if (from.startsWith('whatsapp:') !== channel)
    throw new ProviderError(400, 63007, 'Twilio could not find a Channel with the specified From address');
  if (from === to) throw new ProviderError(400, 63031, 'Message cannot have the same From and To');
  return {
    from,
    to,
    body: bodyOf(form, account, contents),
    statusCallback: statusCallbackOf(form),
    ...validity(form),
  };
}

function bodyOf(form: URLSearchParams, account: SimulatedAccount, contents: ContentStore): string {
  const body = form.get('Body') ?? '';
  const contentSid = form.get('ContentSid');
  const variables = form.get('ContentVariables');
  if (contentSid === null) {
    if (variables !== null) throw new ProviderError(400, 21654, 'The ContentSid is required');
    if (body === '' && !form.has('MediaUrl'))
      throw new ProviderError(400, 21619, 'A text message body or media urls must be specified.');
    // the limit is in characters: a surrogate pair is one
    if (body.length > MAX_BODY && Array.from(body).length > MAX_BODY)
      throw new ProviderError(400, 21617, 'The concatenated message body exceeds the 1600 character limit');
    return body;
  }
  const content = CONTENT_SID.test(contentSid) ? contents.get(account.accountSid, contentSid) : undefined;
  if (!content) throw new ProviderError(400, 21655, 'The ContentSid is Invalid');
  return renderContent(content, variablesOf(variables));
}

function variablesOf(text: string | null): Record<string, string> {
  if (text === null) return {};
  const invalid = () => new ProviderError(400, 21656, 'The ContentVariables Parameter is invalid');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid();
  const entries = Object.entries(value);
  if (entries.some(([, item]) => typeof item !== 'string' || item === '')) throw invalid();
  return Object.fromEntries(entries);
}

function statusCallbackOf(form: URLSearchParams): string {
  const url = form.get('StatusCallback') ?? '';
  if (url === '') return '';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new ProviderError(400, 21609, `The 'StatusCallback' URL ${url} is not a valid URL`);
  return url;
}

function validity(form: URLSearchParams): object {
  const text = form.get('ValidityPeriod');
  if (text === null) return {};
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_VALIDITY_S)
    throw new ProviderError(400, 20001, 'ValidityPeriod must be an integer between 1 and 36000');
  return {};
}

export function newMessage(
  create: ValidCreate,
  account: SimulatedAccount,
  messageId: string | null,
  nowMs: number,
): Message {
  return {
    sid: `SM${randomUUID().replaceAll('-', '')}`,
    accountSid: account.accountSid,
    from: create.from,
    to: create.to,
    body: create.body,
    dateCreatedMs: nowMs,
    dateSentMs: null,
    dateUpdatedMs: nowMs,
    status: 'queued',
    errorCode: null,
    messageId,
  };
}

/** A page of an account's messages, newest first. The token is the last SID shown, so new messages shift nothing. */
export function listMessages(query: URLSearchParams, account: SimulatedAccount, store: MessageStore) {
  const pageSize = pageNumber(query.get('PageSize'), 50, 1, 1_000);
  const page = pageNumber(query.get('Page'), 0, 0, Number.MAX_SAFE_INTEGER);
  const token = query.get('PageToken');
  const from = query.get('From');
  const matching = store.newestFirst(account.accountSid, query.get('To') ?? undefined).filter((message) => {
    return (from === null || message.from === from) && sentWithin(message, query);
  });
  const after = token === null ? -1 : matching.findIndex((message) => `PA${message.sid}` === token);
  if (token !== null && after === -1) throw new ProviderError(400, 20001, 'PageToken is not valid');
  const messages = matching.slice(after + 1, after + 1 + pageSize);
  const last = messages.at(-1);
  const more = last !== undefined && after + 1 + pageSize < matching.length;
  const uri = (index: number, pageToken?: string): string => {
    const next = new URLSearchParams(query);
    next.delete('PageToken');
    next.set('PageSize', String(pageSize));
    next.set('Page', String(index));
    if (pageToken) next.set('PageToken', pageToken);
    return `/${API_VERSION}/Accounts/${account.accountSid}/Messages.json?${next.toString()}`;
  };
  return {
    end: page * pageSize + Math.max(0, messages.length - 1),
    first_page_uri: uri(0),
    messages: messages.map(messageResource),
    next_page_uri: more ? uri(page + 1, `PA${last.sid}`) : null,
    page,
    page_size: pageSize,
    previous_page_uri: null,
    start: page * pageSize,
    uri: uri(page, token ?? undefined),
  };
}

/** Filters are on date_sent, which is null until sent: such messages match no filter, as at the provider. */
function sentWithin(message: Message, query: URLSearchParams): boolean {
  const on = query.get('DateSent');
  const from = query.get('DateSent>');
  const until = query.get('DateSent<');
  if (on === null && from === null && until === null) return true;
  if (message.dateSentMs === null) return false;
  const day = 86_400_000;
  const sent = Math.floor(message.dateSentMs / 1_000) * 1_000;
  if (on !== null && Math.floor(sent / day) !== Math.floor(dateFilter(on) / day)) return false;
  if (from !== null && sent < dateFilter(from)) return false;
  const wholeDay = until !== null && /^\d{4}-\d\d-\d\d$/.test(until) ? day - 1 : 0;
  return until === null || sent <= dateFilter(until) + wholeDay;
}

function dateFilter(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new ProviderError(400, 20001, 'DateSent is not a date');
  return ms;
}

export function pageNumber(text: string | null, fallback: number, min: number, max: number): number {
  if (text === null) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min) throw new ProviderError(400, 20001, 'paging is not valid');
  return Math.min(value, max);
}
