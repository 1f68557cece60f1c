import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Accounts, type SimulatedAccount } from './accounts.js';
import { adminApi } from './admin-api.js';
import { type ApiCall, routed, split } from './api-route.js';
import { contentApi } from './content-api.js';
import { ContentStore } from './content-store.js';
import { type FaultDecision, Faults } from './faults.js';
import type { Latency } from './latency.js';
import { messageResource } from './message-resource.js';
import { MessageStore } from './message-store.js';
import { listMessages, newMessage, validateCreate } from './messages-api.js';
import { ProviderError } from './provider-error.js';
import { answer, breakConnection, dropConnection, readBody, type Reply } from './reply.js';
import { type RequestEntry, RequestLog, type RequestStats } from './request-log.js';
import { scriptedError } from './scripted-error.js';
import { seededRandom } from './seeded-random.js';
import { SlidingWindow } from './sliding-window.js';
import { type CallbackOptions, defaultCallbacks, StatusCallbacks } from './status-callbacks.js';

export type { SimulatedAccount } from './accounts.js';
export { type FaultScript, faultScriptSchema } from './faults.js';
export type { RequestEntry, RequestStats } from './request-log.js';
export { signCallback } from './status-callbacks.js';

export interface SimulatorOptions {
  readonly accounts: readonly SimulatedAccount[];
  readonly host?: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
  readonly latency?: Latency;
  /** Creates accepted in any 1,000 ms, over all accounts; more are answered 429 with code 20429. Default: unlimited. */
  readonly ratePerSecond?: number;
  /** What the throttle goes by, ms since 1970. Default: the system's clock. */
  readonly throttleClock?: () => number;
  readonly callbacks?: Partial<CallbackOptions>;
  /** Creates and messages that are remembered one by one. Default: 200,000. */
  readonly capacity?: number;
  readonly seed?: number;
}

export interface Simulator {
  readonly url: string;
  readonly port: number;
  readonly faults: Faults;
  stats(): RequestStats & { readonly callbacks: object };
  close(): Promise<void>;
}

/** A strict stand-in for the provider on its own port: state, credentials, validation, throttle, signed callbacks, faults. */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const capacity = options.capacity ?? 200_000;
  const accounts = new Accounts(options.accounts);
  const faults = new Faults(options.latency);
  const messages = new MessageStore(capacity);
  const contents = new ContentStore();
  const random = seededRandom(options.seed ?? 1);
  const callbacks = new StatusCallbacks({ ...defaultCallbacks, ...options.callbacks }, random, wallClock);
  let log = new RequestLog(capacity);
  let accepted = new SlidingWindow(1_000);
  let apiRequests = 0;
  let throttled = 0;

  const reset = (): void => {
    log = new RequestLog(capacity);
    accepted = new SlidingWindow(1_000);
    messages.clear();
    contents.clear();
    faults.clear();
    apiRequests = 0;
    throttled = 0;
  };
  const extraStats = () => ({
    apiRequests,
    throttled,
    callbacks: { ...callbacks.counts, pending: callbacks.pending },
  });

  const createMessage = (
    entry: RequestEntry,
    form: URLSearchParams,
    account: SimulatedAccount,
    fault: FaultDecision,
  ) => {
    const create = validateCreate(form, account, contents);
    const now = wallClock();
    const throttledAt = options.throttleClock?.() ?? now;
    if (options.ratePerSecond !== undefined && accepted.count(throttledAt) >= options.ratePerSecond) {
      throttled += 1;
      throw new ProviderError(429, 20429, 'Too Many Requests');
    }
    accepted.add(throttledAt);
    const message = newMessage(create, account, entry.messageId, now);
    messages.add(message);
    const requestLog = log;
    requestLog.accept(entry, message.sid);
    // the answer shows the message as queued, whatever its callbacks do before the answer is out
    const resource = messageResource(message);
    callbacks.start({
      message,
      url: create.statusCallback,
      authToken: account.authToken,
      failCode: fault.asyncFail ? (fault.asyncFail.code ?? 30008) : undefined,
      silent: fault.noCallback,
      onFailed: () => requestLog.reportedFailed(message.messageId, message.sid),
    });
    return resource;
  };

  const handle = async (call: ApiCall, entry: RequestEntry | undefined, reply: Reply): Promise<void> => {
    const body = await readBody(call.request);
    const form = new URLSearchParams(call.route === 'create' ? body : '');
    if (entry) describe(entry, form);
    const to = form.get('To') ?? call.query.get('To') ?? undefined;
    const account = accounts.authenticate(call.request.headers.authorization, call.accountSid);
    const fault = faults.decide({ route: call.route, account: account.accountSid, to }, wallClock());
    if (fault.outage === 'reset') return dropConnection(reply);
    if (fault.outage === 'http') throw new ProviderError(503, 20503, 'Service unavailable');
    const action = fault.response?.action;
    if (action === 'drop_before_accept') return dropConnection(reply);
    if (action === 'hang') return;
    if (fault.response && action === 'error') {
      await delay(fault.latencyMs);
      throw scriptedError(fault.response);
    }
    let status = 200;
    let result: unknown;
    switch (call.route) {
      case 'create':
        if (!entry) throw new TypeError('a create without an entry');
        requireForm(call.request);
        result = createMessage(entry, form, account, fault);
        status = 201;
        break;
      case 'list':
        result = listMessages(call.query, account, messages);
        break;
      case 'fetch': {
        const message = messages.get(account.accountSid, call.sid ?? '');
        if (!message)
          throw new ProviderError(404, 20404, `The requested resource ${call.path} was not found`);
        result = messageResource(message);
        break;
      }
      case 'content':
      case 'content_create':
        ({ status, body: result } = contentApi(
          { method: call.method, path: call.path, query: call.query, body },
          account,
          contents,
          wallClock(),
        ));
        break;
      default:
        call.route satisfies never;
    }
    await delay(fault.latencyMs);
    if (action === 'drop_after_accept') return dropConnection(reply);
    if (action === 'hang_after_accept') return;
    if (action === 'truncate' || action === 'garbage') return breakConnection(reply, action, status, result);
    answer(reply, status, result);
  };

  const server = http.createServer((request, response) => {
    const receivedAt = wallClock();
    const { path, query } = split(request.url ?? '/');
    const method = request.method ?? 'GET';
    if (path.startsWith('/_simulator/')) {
      const view = { accounts, faults, contents, log: () => log, extraStats, reset, now: wallClock };
      readBody(request)
        .then((body) => adminApi(view, { method, path, body }, response))
        .catch(() => response.destroy());
      return;
    }
    apiRequests += 1;
    const call = routed(request, method, path, query);
    const requestLog = log;
    let entry: RequestEntry | undefined;
    if (call?.route === 'create') {
      const known = accounts.get(call.accountSid ?? '') ? (call.accountSid ?? '') : 'unknown';
      entry = requestLog.receive(receivedAt, known);
    }
    const reply: Reply = {
      request,
      response,
      startedAt: receivedAt,
      concurrent: () => requestLog.inFlightOf(call?.accountSid ?? ''),
      onAnswer: (status) => entry && requestLog.finish(entry, wallClock(), status),
    };
    // a caller that leaves while it waits
    if (entry) response.once('close', () => reply.onAnswer(0));
    const done = call
      ? handle(call, entry, reply)
      : Promise.reject(new ProviderError(404, 20404, `The requested resource ${path} was not found`));
    done.catch((error: unknown) => {
      const refusal =
        error instanceof ProviderError ? error : new ProviderError(500, 20500, 'Internal server error');
      answer(reply, refusal.httpStatus, refusal.envelope(), refusal.retryAfterS);
    });
  });
  // longer than any caller keeps an idle connection, so that the caller closes first
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = 70_000;
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port ?? 0, host: options.host ?? '127.0.0.1', backlog: 1_024 }, () =>
      resolve(),
    );
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host ?? '127.0.0.1'}:${port}`,
    port,
    faults,
    stats: () => ({ ...log.stats(), ...extraStats() }),
    close: () =>
      new Promise<void>((resolve) => {
        callbacks.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function describe(entry: RequestEntry, form: URLSearchParams): void {
  entry.to = form.get('To') ?? '';
  entry.body = form.get('Body') ?? '';
  const { query } = split(form.get('StatusCallback') ?? '');
  entry.messageId = query.get('message');
  const attempt = query.get('attempt');
  entry.attempt = attempt === null || !Number.isInteger(Number(attempt)) ? null : Number(attempt);
}

function requireForm(request: http.IncomingMessage): void {
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('application/x-www-form-urlencoded'))
    throw new ProviderError(400, 20001, 'The body must be a form');
}

function delay(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

/** Milliseconds since the epoch with fractions, monotonic within the process. */
function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
