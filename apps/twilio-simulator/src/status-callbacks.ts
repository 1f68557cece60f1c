import { createHmac } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { API_VERSION, type Message } from './message-resource.js';

export interface CallbackOptions {
  /** After acceptance, in ms; each varies by up to half of it. */
  readonly sentMs: number;
  readonly deliveredMs: number;
  readonly readMs: number;
  /** Share of the delivered that are read, 0–1. */
  readonly readShare: number;
  readonly concurrency: number;
  /** Callbacks that may wait or be under way; more are dropped and counted. */
  readonly capacity: number;
  readonly timeoutMs: number;
  /** Tries after the first, on a connection error or 5xx, 200 ms × 2ⁿ apart. */
  readonly retries: number;
}

export const defaultCallbacks: CallbackOptions = {
  sentMs: 40,
  deliveredMs: 120,
  readMs: 250,
  readShare: 0.3,
  concurrency: 64,
  capacity: 200_000,
  timeoutMs: 10_000,
  retries: 5,
};

export interface CallbackPlan {
  readonly message: Message;
  readonly url: string;
  readonly authToken: string;
  /** Ends in `failed` with this code instead of `delivered`. */
  readonly failCode: number | undefined;
  /** The states happen, nobody is told. */
  readonly silent: boolean;
  readonly onFailed: () => void;
}

/**
 * What the provider does after accepting, each step told by a signed form POST:
 *
 *   queued ──► sent ──► delivered ──(a share)──► read
 *      └──(async_fail)──► failed
 */
export class StatusCallbacks {
  readonly #options: CallbackOptions;
  readonly #random: () => number;
  readonly #wallClock: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #agents: { readonly http: http.Agent; readonly https: https.Agent };
  readonly #queue: (() => Promise<void>)[] = [];
  #active = 0;
  #waiting = 0;
  #closed = false;
  readonly counts = { delivered: 0, refused: 0, gaveUp: 0, dropped: 0, retried: 0 };

  constructor(options: CallbackOptions, random: () => number, wallClock: () => number) {
    this.#options = options;
    this.#random = random;
    this.#wallClock = wallClock;
    const agent = { keepAlive: true, maxSockets: options.concurrency };
    this.#agents = { http: new http.Agent(agent), https: new https.Agent(agent) };
  }

  /** Callbacks that wait or are under way. */
  get pending(): number {
    return this.#waiting + this.#queue.length + this.#active;
  }

  start(plan: CallbackPlan): void {
    const { sentMs, deliveredMs, readMs, readShare } = this.#options;
    if (plan.failCode !== undefined) {
      this.#after(sentMs, () => this.#step(plan, 'failed'));
      return;
    }
    this.#after(sentMs, () => {
      this.#step(plan, 'sent');
      this.#after(Math.max(0, deliveredMs - sentMs), () => {
        this.#step(plan, 'delivered');
        if (this.#random() < readShare)
          this.#after(Math.max(0, readMs - deliveredMs), () => this.#step(plan, 'read'));
      });
    });
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#queue.length = 0;
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  #after(ms: number, run: () => void): void {
    if (this.#closed) return;
    this.#waiting += 1;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#waiting -= 1;
        run();
      },
      ms * (1 + this.#random() / 2),
    );
    this.#timers.add(timer);
  }

  #step(plan: CallbackPlan, status: 'sent' | 'delivered' | 'read' | 'failed'): void {
    const { message } = plan;
    const now = this.#wallClock();
    message.status = status;
    message.dateUpdatedMs = now;
    if (status === 'failed') {
      message.errorCode = plan.failCode ?? null;
      plan.onFailed();
    } else message.dateSentMs ??= now;
    if (plan.silent || plan.url === '') return;
    if (this.#queue.length >= this.#options.capacity) {
      this.counts.dropped += 1;
      return;
    }
    const params = callbackParams(message, status);
    this.#queue.push(() => this.#deliver(plan, params, 0));
    this.#pump();
  }

  #pump(): void {
    while (this.#active < this.#options.concurrency) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#active += 1;
      void next().finally(() => {
        this.#active -= 1;
        this.#pump();
      });
    }
  }

  async #deliver(plan: CallbackPlan, params: Readonly<Record<string, string>>, tried: number): Promise<void> {
    const status = await this.#post(plan, params);
    if (status !== undefined && status < 500) {
      if (status < 300) this.counts.delivered += 1;
      else this.counts.refused += 1;
      return;
    }
    if (tried >= this.#options.retries || this.#closed) {
      this.counts.gaveUp += 1;
      return;
    }
    this.counts.retried += 1;
    this.#after(200 * 2 ** tried, () => {
      this.#queue.push(() => this.#deliver(plan, params, tried + 1));
      this.#pump();
    });
  }

  /** The answer's status, or undefined when none came. */
  #post(plan: CallbackPlan, params: Readonly<Record<string, string>>): Promise<number | undefined> {
    return new Promise((resolve) => {
      const url = new URL(plan.url);
      const secure = url.protocol === 'https:';
      const body = new URLSearchParams(params).toString();
      const request = (secure ? https : http).request(url, {
        method: 'POST',
        agent: secure ? this.#agents.https : this.#agents.http,
        timeout: this.#options.timeoutMs,
        headers: {
          'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'TwilioProxy/1.1',
          'x-twilio-signature': signCallback(plan.authToken, plan.url, params),
        },
      });
      request.on('response', (response) => {
        response.resume();
        response.on('close', () => resolve(response.complete ? response.statusCode : undefined));
      });
      request.on('timeout', () => request.destroy(new Error('callback timed out')));
      request.on('error', () => resolve(undefined));
      request.end(body);
    });
  }
}

/** Base64 HMAC-SHA1 of the full URL and the parameters, sorted by name, each name followed by its value. */
export function signCallback(
  authToken: string,
  url: string,
  params: Readonly<Record<string, string>>,
): string {
  const fragment = url.indexOf('#');
  let text = fragment === -1 ? url : url.slice(0, fragment);
  for (const name of Object.keys(params).sort()) text += name + (params[name] ?? '');
  return createHmac('sha1', authToken).update(text, 'utf8').digest('base64');
}

function callbackParams(message: Message, status: string): Record<string, string> {
  return {
    AccountSid: message.accountSid,
    ApiVersion: API_VERSION,
    ChannelPrefix: 'whatsapp',
    From: message.from,
    MessageSid: message.sid,
    MessageStatus: status,
    SmsSid: message.sid,
    SmsStatus: status,
    StructuredMessage: 'false',
    To: message.to,
    ...(status === 'read' && { EventType: 'READ' }),
    ...(status === 'failed' && message.errorCode !== null && { ErrorCode: String(message.errorCode) }),
  };
}
