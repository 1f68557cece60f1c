import { classify, networkRows } from './classify.js';
import type {
  Answer,
  ContentRecord,
  MessageRecord,
  OutcomeCause,
  ProviderAccount,
  SendOutcome,
  SendRequest,
  TwilioGateway,
} from './gateway.js';
import type { OutcomeRow } from './outcome-table.js';

/** What the next exchange meets. `accepted`: whether the provider took the message before the connection broke. */
export type MemoryFault =
  | {
      readonly kind: 'answer';
      readonly httpStatus: number;
      readonly code?: number;
      readonly retryAfterMs?: number;
    }
  | {
      readonly kind: 'broken';
      readonly cause: 'timeout' | 'reset' | 'truncated' | 'unparsable';
      readonly accepted: boolean;
    }
  | { readonly kind: 'unreachable' };

export interface MemoryGateway extends TwilioGateway {
  /** Faults are met in order, one an exchange. */
  fail(fault: MemoryFault): void;
  /** Every message that was accepted, oldest first, whatever the caller was told. */
  readonly accepted: readonly (MessageRecord & {
    readonly accountSid: string;
    readonly statusCallback: string;
  })[];
}

interface MemoryAccount {
  readonly authToken: string;
  /** E.164, without the channel. */
  readonly numbers: readonly string[];
}

/** The port in memory: same rules and outcome table, no network. For tests of what stands on the port. */
export function createMemoryGateway(options: {
  readonly accounts: Readonly<Record<string, MemoryAccount>>;
  /** Wall clock in ms. */
  readonly now: () => number;
}): MemoryGateway {
  const faults: MemoryFault[] = [];
  const accepted: (MessageRecord & { accountSid: string; statusCallback: string })[] = [];
  const contents: (ContentRecord & { accountSid: string })[] = [];

  const sid = (prefix: string, n: number): string => prefix + n.toString(16).padStart(32, '0');
  const wholeSecond = (): Date => new Date(Math.floor(options.now() / 1_000) * 1_000);

  const accept = (account: ProviderAccount, request: SendRequest): MessageRecord => {
    const record = {
      sid: sid('SM', accepted.length + 1),
      status: 'queued',
      to: request.to,
      from: request.from,
      dateCreated: wholeSecond(),
      dateSent: null,
      body: request.body ?? '',
      accountSid: account.accountSid,
      statusCallback: request.statusCallback,
    };
    accepted.push(record);
    return record;
  };

  /** The refusal of these credentials, or the next fault's; undefined when the exchange goes through. */
  const refusal = (account: ProviderAccount, route: 'messages' | 'content'): SendOutcome | undefined => {
    if (!/^AC[0-9a-fA-F]{32}$/.test(account.accountSid) || account.authToken === '')
      return outcome(networkRows.credentials, 'credentials');
    const fault = faults.shift();
    if (fault?.kind === 'unreachable') return outcome(networkRows.notSent, 'connect');
    if (fault?.kind === 'broken') return outcome(networkRows.ambiguous, fault.cause);
    if (fault) {
      return {
        ...answered(fault.httpStatus, fault.code, route),
        ...(fault.retryAfterMs !== undefined && { retryAfterMs: fault.retryAfterMs }),
      };
    }
    if (options.accounts[account.accountSid]?.authToken !== account.authToken)
      return answered(401, 20003, route);
    return undefined;
  };

  const invalid = (account: ProviderAccount, request: SendRequest): number | undefined => {
    if (!/^whatsapp:\+[1-9]\d{6,14}$/.test(request.to)) return 21211;
    const numbers = options.accounts[account.accountSid]?.numbers ?? [];
    if (!numbers.includes(request.from.replace(/^whatsapp:/, ''))) return 63007;
    if (request.to === request.from) return 63031;
    if (request.contentSid === undefined && request.contentVariables) return 21654;
    if (request.contentSid === undefined && !request.body) return 21619;
    if (Array.from(request.body ?? '').length > 1_600) return 21617;
    const known = contents.some((c) => c.sid === request.contentSid && c.accountSid === account.accountSid);
    return request.contentSid !== undefined && !known ? 21655 : undefined;
  };

  return {
    accepted,
    fail: (fault) => void faults.push(fault),

    async send(account, request, options) {
      if (options?.signal?.aborted) return outcome(networkRows.notSent, 'aborted');
      const fault = faults[0];
      if (fault?.kind !== 'unreachable') options?.onWritten?.();
      const refused = refusal(account, 'messages');
      if (fault?.kind === 'broken' && fault.accepted && invalid(account, request) === undefined)
        accept(account, request);
      if (refused) return refused;
      const code = invalid(account, request);
      if (code !== undefined) return answered(400, code, 'messages');
      const record = accept(account, request);
      return { ...answered(201, undefined, 'messages'), sid: record.sid, status: record.status };
    },

    async list(account, { to, from, since }) {
      const refused = refusal(account, 'messages');
      if (refused) return { complete: false, messages: [], failure: refused };
      const oldest = Math.floor(since.getTime() / 1_000) * 1_000;
      const messages = accepted.filter(
        (record) =>
          record.accountSid === account.accountSid &&
          record.to === to &&
          record.from === from &&
          record.dateCreated.getTime() >= oldest,
      );
      return { complete: true, messages: messages.toReversed().map(messageOnly) };
    },

    async fetch(account, wanted) {
      const refused = refusal(account, 'messages');
      if (refused) return { ok: false, outcome: refused };
      const record = accepted.find((r) => r.sid === wanted && r.accountSid === account.accountSid);
      return { ok: true, value: record ? messageOnly(record) : null };
    },

    contents: {
      async find(account, friendlyName) {
        const refused = refusal(account, 'content');
        if (refused) return { ok: false, outcome: refused };
        const found = contents.find(
          (c) => c.friendlyName === friendlyName && c.accountSid === account.accountSid,
        );
        return { ok: true, value: found ? contentOnly(found) : null };
      },
      async create(account, definition): Promise<Answer<ContentRecord>> {
        const refused = refusal(account, 'content');
        if (refused) return { ok: false, outcome: refused };
        const record = {
          sid: sid('HX', contents.length + 1),
          friendlyName: definition.friendlyName,
          language: definition.language,
          dateCreated: wholeSecond(),
          accountSid: account.accountSid,
        };
        contents.push(record);
        return { ok: true, value: contentOnly(record) };
      },
      async fetch(account, wanted) {
        const refused = refusal(account, 'content');
        if (refused) return { ok: false, outcome: refused };
        const found = contents.find((c) => c.sid === wanted && c.accountSid === account.accountSid);
        return { ok: true, value: found ? contentOnly(found) : null };
      },
    },

    async close() {},
  };
}

function messageOnly(record: MessageRecord): MessageRecord {
  const { sid, status, to, from, dateCreated, dateSent, body } = record;
  return { sid, status, to, from, dateCreated, dateSent, body };
}

function contentOnly({ sid, friendlyName, language, dateCreated }: ContentRecord): ContentRecord {
  return { sid, friendlyName, language, dateCreated };
}

function answered(httpStatus: number, code: number | undefined, route: 'messages' | 'content'): SendOutcome {
  return {
    ...outcome(classify({ where: 'response', route, httpStatus, code }), 'http'),
    httpStatus,
    ...(code !== undefined && { code }),
  };
}

function outcome(row: OutcomeRow, cause: OutcomeCause): SendOutcome {
  return {
    class: row.class,
    action: row.action,
    cause,
    known: row.known,
    countsAttempt: row.countsAttempt,
    message: row.meaning,
    elapsedMs: 0,
    ...(row.pause && { pause: row.pause }),
    ...(row.code === 63038 && { accountCapped: true }),
  };
}
