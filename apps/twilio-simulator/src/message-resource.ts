/** One accepted message. Mutable where the provider's is: status, times and error. */
export interface Message {
  readonly sid: string;
  readonly accountSid: string;
  readonly from: string;
  readonly to: string;
  readonly body: string;
  readonly dateCreatedMs: number;
  dateSentMs: number | null;
  dateUpdatedMs: number;
  status: 'queued' | 'sent' | 'delivered' | 'read' | 'failed' | 'undelivered';
  errorCode: number | null;
  readonly messageId: string | null;
}

export const API_VERSION = '2010-04-01';

/** The Message resource as the API shows it: every field, times in RFC 2822, numbers of parts as strings. */
export function messageResource(message: Message) {
  const uri = `/${API_VERSION}/Accounts/${message.accountSid}/Messages/${message.sid}`;
  return {
    account_sid: message.accountSid,
    api_version: API_VERSION,
    body: message.body,
    date_created: rfc2822(message.dateCreatedMs),
    date_sent: message.dateSentMs === null ? null : rfc2822(message.dateSentMs),
    date_updated: rfc2822(message.dateUpdatedMs),
    direction: 'outbound-api',
    error_code: message.errorCode,
    error_message: message.errorCode === null ? null : `error ${message.errorCode}`,
    from: message.from,
    messaging_service_sid: null,
    num_media: '0',
    num_segments: '1',
    price: null,
    price_unit: null,
    sid: message.sid,
    status: message.status,
    subresource_uris: { media: `${uri}/Media.json` },
    to: message.to,
    uri: `${uri}.json`,
  };
}

let lastSecond = -1;
let lastText = '';

/** Whole seconds; creates come many to a second, so the last text is kept. */
export function rfc2822(ms: number): string {
  const second = Math.floor(ms / 1_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = new Date(second * 1_000).toUTCString().replace('GMT', '+0000');
  }
  return lastText;
}
