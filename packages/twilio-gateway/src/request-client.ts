import { AsyncLocalStorage } from 'node:async_hooks';
import type http from 'node:http';
import twilio from 'twilio';
import { type ExchangeAnswer, ExchangeFailure, type ExchangeLimits, exchange } from './exchange.js';

/** What one gateway call learned from the wire; the SDK's own errors have no headers and tell too much. */
export interface CallTrace {
  readonly signal?: AbortSignal | undefined;
  readonly onWritten?: (() => void) | undefined;
  answer?: Pick<ExchangeAnswer, 'statusCode' | 'headers'>;
  failure?: ExchangeFailure;
}

/** Carries the trace of a gateway call through the SDK to the exchange that it causes. */
export const callTrace = new AsyncLocalStorage<CallTrace>();

export interface Wire {
  readonly agent: http.Agent;
  readonly limits: ExchangeLimits;
  /** Replaces the provider's origin (a simulator); the provider's host goes into a header. */
  readonly baseUrl: URL | undefined;
}

type Options = Parameters<InstanceType<typeof twilio.RequestClient>['request']>[0];

/**
 * The SDK's HTTP seam. It keeps nothing of a request (the SDK's own client keeps the last request and response), sends
 * through one agent shared by all tenants, and never follows redirects.
 */
export class TracedRequestClient extends twilio.RequestClient {
  readonly #wire: Wire;

  constructor(wire: Wire) {
    super({ timeout: wire.limits.timeoutMs, autoRetry: false });
    this.#wire = wire;
  }

  override async request<TData>(
    options: Options,
  ): ReturnType<typeof twilio.RequestClient.prototype.request<TData>> {
    const { agent, limits, baseUrl } = this.#wire;
    const url = new URL(options.uri);
    const headers: http.OutgoingHttpHeaders = { ...options.headers };
    headers['Authorization'] =
      `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`;
    if (!baseUrl && !isProviderHost(url)) throw new TypeError('refusing to send credentials to another host');
    if (baseUrl) {
      headers['X-Original-Host'] = url.host;
      url.protocol = baseUrl.protocol;
      url.host = baseUrl.host;
    }
    if (options.params) url.search = form(options.params);
    let body: string | undefined;
    if (options.data !== undefined && options.data !== null) {
      body =
        headers['Content-Type'] === 'application/json' ? JSON.stringify(options.data) : form(options.data);
      headers['Content-Length'] = Buffer.byteLength(body);
    }
    const trace = callTrace.getStore();
    const method = options.method.toUpperCase();
    try {
      const answer = await exchange(
        { method, url, headers, ...(body !== undefined && { body }) },
        agent,
        limits,
        trace,
      );
      if (trace) trace.answer = { statusCode: answer.statusCode, headers: answer.headers };
      return { statusCode: answer.statusCode, body: answer.body as TData, headers: answer.headers };
    } catch (error) {
      if (trace && error instanceof ExchangeFailure) trace.failure = error;
      throw error;
    }
  }
}

/** Next-page addresses come out of answers: credentials go to the provider alone. */
function isProviderHost(url: URL): boolean {
  return url.protocol === 'https:' && (url.hostname === 'twilio.com' || url.hostname.endsWith('.twilio.com'));
}

function form(fields: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) search.append(name, String(item));
    }
  }
  return search.toString();
}
