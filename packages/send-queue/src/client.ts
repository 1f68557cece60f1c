import { randomUUID } from 'node:crypto';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { exchange, type HttpAnswer, type HttpRequest } from './http-exchange.js';
import { isWorthRepeating, parseRetryAfter, retryDelay } from './retry-policy.js';
import type { EnqueuedSend, QueueMetrics, WhatsAppSend } from './send.js';
import { SendQueueError } from './send-queue-error.js';

export interface SendQueueClientOptions {
  /** Of ingress, e.g. http://localhost:3000. */
  readonly url: string;
  /** A platform key, or a restaurant's own. */
  readonly token: string;
  /** Longest wait for one answer, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** Longest wait for a call with all its retries, in ms. Default 30,000. */
  readonly deadlineMs?: number;
  /** Requests after the first one that failed. Default 4. */
  readonly retries?: number;
  readonly clock?: RetryClock;
  /** 0 ≤ n < 1. */
  readonly random?: () => number;
}

export interface RetryClock {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface EnqueueOptions {
  /** 1 to 255 visible ASCII characters. Default: a random one for this call, kept over its retries. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface SendQueueClient {
  /**
   * Hands a message over. `priority` is 0 to 10, higher is sent earlier; default 5. Resolves once the message is safe with the
   * queue. Throws SendQueueError.
   */
  enqueueWhatsAppSend(send: WhatsAppSend, priority?: number, options?: EnqueueOptions): Promise<EnqueuedSend>;
  /** Throws SendQueueError. */
  getQueueMetrics(options?: { readonly signal?: AbortSignal }): Promise<QueueMetrics>;
}

const systemClock: RetryClock = {
  now: () => performance.now(),
  wallClock: Date.now,
  sleep: async (ms, signal) => {
    await sleepFor(ms, undefined, signal ? { signal } : {});
  },
};

/** Opens no connection before the first call. @throws SendQueueError `config_invalid` */
export function createSendQueueClient(options: SendQueueClientOptions): SendQueueClient {
  return new HttpSendQueueClient(options);
}

/*
 *   call ──► request ──2xx──► done
 *              ▲  │ 408, 425, 429, 5xx, no answer          any other answer ──► SendQueueError
 *              │  ▼
 *              wait: doubling with jitter, at least Retry-After ── retries or deadline used up ──► SendQueueError
 */
class HttpSendQueueClient implements SendQueueClient {
  readonly #url: URL;
  readonly #token: string;
  readonly #timeoutMs: number;
  readonly #deadlineMs: number;
  readonly #retries: number;
  readonly #clock: RetryClock;
  readonly #random: () => number;

  constructor(options: SendQueueClientOptions) {
    if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol))
      throw new SendQueueError('config_invalid', 'the url must begin with http:// or https://');
    if (!/^[\x21-\x7e]+$/.test(options.token))
      throw new SendQueueError('config_invalid', 'a token is needed, of visible ASCII characters');
    // A path of a reverse proxy stays before ours.
    this.#url = new URL(options.url.endsWith('/') ? options.url : `${options.url}/`);
    this.#token = options.token;
    this.#timeoutMs = atLeast(1, options.timeoutMs ?? 10_000, 'timeoutMs');
    this.#deadlineMs = atLeast(1, options.deadlineMs ?? 30_000, 'deadlineMs');
    this.#retries = atLeast(0, options.retries ?? 4, 'retries');
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  async enqueueWhatsAppSend(
    send: WhatsAppSend,
    priority?: number,
    options: EnqueueOptions = {},
  ): Promise<EnqueuedSend> {
    if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 10))
      throw new SendQueueError('validation_failed', 'priority must be a whole number from 0 to 10');
    const idempotencyKey = options.idempotencyKey ?? randomUUID();
    const body = JSON.stringify({ ...send, ...(priority === undefined ? {} : { priority }) });
    const answer = await this.#call(
      {
        method: 'POST',
        url: new URL('api/whatsapp/send', this.#url),
        headers: {
          ...this.#headers(),
          'content-type': 'application/json',
          'idempotency-key': idempotencyKey,
        },
        body,
      },
      idempotencyKey,
      options.signal,
    );
    const json = answer.json;
    if (!isObject(json) || typeof json['id'] !== 'string' || typeof json['status'] !== 'string')
      throw badAnswer(answer, idempotencyKey);
    return { ...json, id: json['id'], status: json['status'] };
  }

  async getQueueMetrics(options: { readonly signal?: AbortSignal } = {}): Promise<QueueMetrics> {
    const answer = await this.#call(
      { method: 'GET', url: new URL('api/queue/metrics', this.#url), headers: this.#headers() },
      undefined,
      options.signal,
    );
    const json = answer.json;
    if (!isObject(json) || typeof json['waiting'] !== 'number' || !isObject(json['tenantConcurrency']))
      throw badAnswer(answer, undefined);
    return json as QueueMetrics;
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}`, accept: 'application/json' };
  }

  async #call(
    request: HttpRequest,
    idempotencyKey: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer> {
    const { now, wallClock, sleep } = this.#clock;
    const giveUpAt = now() + this.#deadlineMs;
    // Once a request may have been taken, a later refusal of a repeat does not undo that.
    let accepted: false | 'unknown' = false;
    for (let attempts = 1; ; attempts += 1) {
      const facts = { attempts, idempotencyKey };
      let failure: SendQueueError;
      try {
        const answer = await exchange(request, Math.min(this.#timeoutMs, giveUpAt - now()), signal);
        if (answer.status >= 200 && answer.status < 300) return answer;
        failure = refusal(answer, parseRetryAfter(answer.retryAfter, wallClock()));
      } catch (error) {
        if (!(error instanceof SendQueueError)) throw error;
        failure = error;
      }
      if (failure.accepted === 'unknown') accepted = 'unknown';
      const final = new SendQueueError(failure.code, failure.message, {
        status: failure.status,
        retryAfterMs: failure.retryAfterMs,
        errors: failure.errors,
        ...facts,
        accepted,
      });
      if (failure.code === 'aborted' || failure.code === 'bad_answer') throw final;
      if (failure.status !== undefined && !isWorthRepeating(failure.status)) throw final;
      const pause = retryDelay(attempts, failure.retryAfterMs, this.#random);
      if (attempts > this.#retries || now() + pause >= giveUpAt) throw final;
      try {
        await sleep(pause, signal);
      } catch (error) {
        if (!signal?.aborted) throw error;
        throw new SendQueueError('aborted', 'the caller gave up', { ...facts, accepted });
      }
    }
  }
}

/** What the API's problem document says. A 5xx may come from a proxy, with the request taken behind it. */
function refusal(answer: HttpAnswer, retryAfterMs: number | undefined): SendQueueError {
  const { status, json } = answer;
  const problem = isObject(json) ? json : {};
  const code = typeof problem['code'] === 'string' ? problem['code'] : `http_${status}`;
  const title = typeof problem['title'] === 'string' ? problem['title'] : `the answer was HTTP ${status}`;
  const detail = typeof problem['detail'] === 'string' ? `: ${problem['detail']}` : '';
  const certain = problem['accepted'] === false || (status < 500 && problem['accepted'] !== 'unknown');
  return new SendQueueError(code, title + detail, {
    status,
    accepted: certain ? false : 'unknown',
    retryAfterMs,
    errors: Array.isArray(problem['errors']) ? problem['errors'] : [],
  });
}

function badAnswer(answer: HttpAnswer, idempotencyKey: string | undefined): SendQueueError {
  return new SendQueueError('bad_answer', `HTTP ${answer.status} without what the API answers`, {
    status: answer.status,
    accepted: 'unknown',
    attempts: 1,
    idempotencyKey,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function atLeast(least: number, value: number, name: string): number {
  if (!Number.isFinite(value) || value < least)
    throw new SendQueueError('config_invalid', `${name} must be at least ${least}`);
  return value;
}
