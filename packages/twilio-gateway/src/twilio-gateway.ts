import http from 'node:http';
import https from 'node:https';
import twilio from 'twilio';
import { ClientCache } from './client-cache.js';
import { createContentGateway } from './contents.js';
import type { Answer, MessageListing, MessageRecord, ProviderAccount, TwilioGateway } from './gateway.js';
import { acceptedOutcome, credentialsOutcome, failedOutcome } from './outcome.js';
import { type CallTrace, callTrace, TracedRequestClient, type Wire } from './request-client.js';

export interface TwilioGatewayOptions {
  /** Talk to this origin instead of the provider's hosts, e.g. a simulator on loopback. */
  readonly baseUrl?: string;
  /** Longest exchange, waiting for a socket and the whole answer included, in ms. */
  readonly timeoutMs: number;
  /**
   * Longest set-up of a connection, TLS included, in ms. A request is written when its connection is made, so that much later than
   * it was begun: one that would be later is not sent. Default: 800, at most timeoutMs.
   */
  readonly connectTimeoutMs?: number;
  /** Keep the messages in flight at or under this: a send that waits for a socket wastes its instant. */
  readonly maxSockets: number;
  /** Idle connections close after this, before the provider closes them under a request, in ms. Default: 20,000. */
  readonly idleSocketMs?: number;
  /** Clients kept, one a tenant. Default: 10,000. */
  readonly maxClients?: number;
  /** Pages of 200 messages that one listing reads at most. Default: 20. */
  readonly maxListPages?: number;
  /** Monotonic and wall clock, in ms. */
  readonly now?: () => number;
  readonly wallClock?: () => number;
}

export type SdkClient = ReturnType<typeof twilio>;

/** Runs one SDK call with a trace, and judges its end; `onAnswer` is null where the provider says "not found". */
export type Call = <T>(
  account: ProviderAccount,
  route: 'messages' | 'content',
  run: (client: SdkClient) => Promise<T>,
) => Promise<Answer<T>>;

const ACCOUNT_SID = /^AC[0-9a-fA-F]{32}$/;
const MESSAGE_SID = /^(SM|MM)[0-9a-fA-F]{32}$/;
const LIST_PAGE_SIZE = 200;
const MAX_RESPONSE_BYTES = 8 * 1_024 * 1_024;

/** The real SDK behind the port: one client a tenant, one keep-alive agent for all of them. */
export function createTwilioGateway(options: TwilioGatewayOptions): TwilioGateway {
  const compiled = compile(options);
  const { wire, now, wallClock, maxListPages } = compiled;
  const clients = new ClientCache(compiled.maxClients, ({ accountSid, authToken }) =>
    twilio(accountSid, authToken, { httpClient: new TracedRequestClient(wire), autoRetry: false }),
  );

  const call: Call = async (account, route, run) => {
    if (!wellFormed(account)) return { ok: false, outcome: credentialsOutcome() };
    const startedAt = now();
    const trace: CallTrace = {};
    try {
      return { ok: true, value: await callTrace.run(trace, run, clients.get(account)) };
    } catch (error) {
      const clocks = { elapsedMs: now() - startedAt, wallMs: wallClock() };
      return { ok: false, outcome: failedOutcome(trace, clocks, error, route) };
    }
  };

  return {
    async send(account, request, options) {
      if (!wellFormed(account)) return credentialsOutcome();
      const startedAt = now();
      const clocks = () => ({ elapsedMs: now() - startedAt, wallMs: wallClock() });
      const trace: CallTrace = { ...options };
      const { messages } = clients.get(account);
      try {
        const message = await callTrace.run(trace, () =>
          messages.create({
            to: request.to,
            from: request.from,
            statusCallback: request.statusCallback,
            ...(request.body !== undefined && { body: request.body }),
            ...(request.contentSid !== undefined && { contentSid: request.contentSid }),
            ...(request.contentVariables && { contentVariables: JSON.stringify(request.contentVariables) }),
            ...(request.validityPeriodS !== undefined && { validityPeriod: request.validityPeriodS }),
          }),
        );
        if (!MESSAGE_SID.test(message?.sid ?? ''))
          return failedOutcome(trace, clocks(), undefined, 'messages');
        return acceptedOutcome(trace, clocks(), message);
      } catch (error) {
        return failedOutcome(trace, clocks(), error, 'messages');
      }
    },

    async list(account, { to, from, since }): Promise<MessageListing> {
      const oldest = Math.floor(since.getTime() / 1_000) * 1_000;
      const messages: MessageRecord[] = [];
      let complete = false;
      const read = await call(account, 'messages', async (client) => {
        // date_sent can be null, so it is no filter; the pages of this pair are read until one is all older
        let page = await client.messages.page({ to, from, pageSize: LIST_PAGE_SIZE });
        for (let pages = 1; ; pages += 1) {
          const records = page.instances.map(messageRecord);
          messages.push(...records.filter((record) => record.dateCreated.getTime() >= oldest));
          const allOlder = records.length > 0 && records.every((record) => isBefore(record, oldest));
          complete = page.nextPageUrl === undefined || allOlder;
          if (complete || pages >= maxListPages) return;
          page = await client.messages.getPage(page.nextPageUrl ?? '');
        }
      });
      return read.ok ? { complete, messages } : { complete: false, messages, failure: read.outcome };
    },

    async fetch(account, sid) {
      const read = await call(account, 'messages', (client) => client.messages(sid).fetch());
      if (read.ok) return { ok: true, value: messageRecord(read.value) };
      return read.outcome.httpStatus === 404 ? { ok: true, value: null } : read;
    },

    contents: createContentGateway(call),

    async close() {
      wire.agent.destroy();
    },
  };
}

function compile(options: TwilioGatewayOptions) {
  const { timeoutMs, maxSockets } = options;
  if (!(timeoutMs > 0)) throw new RangeError('timeoutMs must be above 0');
  if (!Number.isInteger(maxSockets) || maxSockets < 1) throw new RangeError('maxSockets must be at least 1');
  const baseUrl = options.baseUrl === undefined ? undefined : new URL(options.baseUrl);
  const agentOptions: http.AgentOptions = {
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    maxTotalSockets: maxSockets,
    maxFreeSockets: maxSockets,
    scheduling: 'lifo',
    timeout: options.idleSocketMs ?? 20_000,
  };
  const wire: Wire = {
    baseUrl,
    agent: baseUrl?.protocol === 'http:' ? new http.Agent(agentOptions) : new https.Agent(agentOptions),
    limits: {
      timeoutMs,
      connectTimeoutMs: Math.min(options.connectTimeoutMs ?? 800, timeoutMs),
      maxResponseBytes: MAX_RESPONSE_BYTES,
    },
  };
  return {
    wire,
    maxClients: options.maxClients ?? 10_000,
    maxListPages: options.maxListPages ?? 20,
    now: options.now ?? (() => performance.now()),
    wallClock: options.wallClock ?? (() => Date.now()),
  };
}

function wellFormed(account: ProviderAccount): boolean {
  return ACCOUNT_SID.test(account.accountSid) && account.authToken !== '';
}

/** An hour of slack: nothing promises that a listing is sorted by creation. */
function isBefore(record: MessageRecord, oldestMs: number): boolean {
  return record.dateCreated.getTime() < oldestMs - 3_600_000;
}

function messageRecord(instance: {
  readonly sid: string;
  readonly status: string;
  readonly to: string;
  readonly from: string;
  readonly dateCreated: Date;
  readonly dateSent: Date | null;
  readonly errorCode: number | null;
  readonly body: string | null;
}): MessageRecord {
  return {
    sid: instance.sid,
    status: instance.status,
    to: instance.to,
    from: instance.from,
    dateCreated: instance.dateCreated,
    dateSent: instance.dateSent ?? null,
    ...(typeof instance.errorCode === 'number' && { errorCode: instance.errorCode }),
    body: instance.body ?? '',
  };
}
