import type { PROVIDER_STATUSES } from '@mersal/contracts';
import {
  classify,
  type MessageListing,
  type MessageRecord,
  type OutcomeCause,
  type OutcomeClass,
  outcomeClasses,
  type ProviderAccount,
  type SendOutcome,
  type SendRequest,
  type TwilioGateway,
} from '@mersal/twilio-gateway';
import { EPOCH_MS, type Host } from './host.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

export type ProviderStatus = (typeof PROVIDER_STATUSES)[number];

/** What may happen to a request, by weight. */
export type Fate =
  | 'accepted'
  /** Accepted, and the answer is lost: the sender times out, or sees the connection break. */
  | 'answer_lost'
  | 'broken_after'
  /** Accepted, and the answer can't be read. */
  | 'garbage'
  /** Lost on its way there. */
  | 'request_lost'
  | 'unreachable'
  /** Hangs past the sender's time-out, and is accepted after all. */
  | 'late'
  /** Held up on its way: it still gets there where its sender does not live to break the connection. */
  | 'stranded'
  /** 5xx, without and with acceptance. */
  | 'failed'
  | 'failed_accepted'
  | 'throttled'
  | 'transient'
  | 'recipient'
  | 'opted_out'
  | 'suspended'
  | 'paused';

/** What may follow an acceptance, by weight. */
export type Sequel = 'silent' | 'delivered' | 'read' | 'undelivered' | 'failed_limit';

export interface ProviderWeather {
  fates: readonly (readonly [Fate, number])[];
  sequels: readonly (readonly [Sequel, number])[];
  latencyMs: readonly [number, number];
  /** A listing that can't be read whole. */
  listFails: number;
  /** Messages are listed only so long after their acceptance, at most, in ms. */
  listLagMs: number;
}

/** A request as the provider keeps it, times in ms of the timeline. */
export interface Sent {
  readonly account: string;
  readonly to: string;
  readonly from: string;
  readonly body: string;
  readonly messageId: string;
  readonly attempt: number;
  /** When the sender wrote it. */
  readonly writtenAt: number;
  endedAt: number | undefined;
  acceptedAt: number | undefined;
  sid: string | undefined;
  listedFrom: number;
  /** When the provider reported it failed. */
  failedAt: number | undefined;
}

export interface StatusReport {
  readonly callbackUrl: string;
  readonly sid: string;
  readonly status: ProviderStatus;
  readonly errorCode: number | undefined;
}

/** The longest that a request may be accepted after its sender gave it up, in ms. */
const LATEST_MS = 3_000;

/** And where its sender died or stood still meanwhile: what the kernel still had to send. */
const LATEST_STRANDED_MS = 50_000;

/** The provider, with its own record of what it was asked and what it took. */
export class Provider {
  readonly requests: Sent[] = [];
  readonly weather: ProviderWeather = {
    fates: [['accepted', 1]],
    sequels: [['delivered', 1]],
    latencyMs: [50, 200],
    listFails: 0,
    listLagMs: 0,
  };
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #timeoutMs: number;
  readonly #tell: (who: string, what: string) => void;
  readonly #report: (report: StatusReport) => void;
  /** The credentials that are right now, by account. */
  readonly credentials = new Map<string, string>();
  #sids = 0;

  constructor(options: {
    readonly timeline: Timeline;
    readonly random: Random;
    readonly timeoutMs: number;
    readonly tell: (who: string, what: string) => void;
    readonly report: (report: StatusReport) => void;
  }) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#timeoutMs = options.timeoutMs;
    this.#tell = options.tell;
    this.#report = options.report;
  }

  gatewayOf(host: Host): TwilioGateway {
    return {
      send: (account, request, options) => {
        // As the driver tells it: a moment after the bytes have left.
        host.deliver(this.#random.between(0, 2), () => options?.onWritten?.());
        return this.#send(host, account, request);
      },
      list: (account, filter) => this.#list(host, account, filter),
      fetch: async () => ({ ok: true, value: null }),
      contents: {
        find: async () => ({ ok: true, value: null }),
        create: () => Promise.reject(new Error('not simulated')),
        fetch: async () => ({ ok: true, value: null }),
      },
      close: async () => undefined,
    };
  }

  #send(host: Host, account: ProviderAccount, request: SendRequest): Promise<SendOutcome> {
    return new Promise((resolve) => {
      if (!host.leaves()) return;
      const random = this.#random;
      const url = new URL(request.statusCallback);
      const fate = random.weighted(this.weather.fates);
      const [least, most] = this.weather.latencyMs;
      const latency = random.between(least, most);
      const sent: Sent = {
        account: account.accountSid,
        to: request.to,
        from: request.from,
        body: request.body ?? '',
        messageId: url.searchParams.get('message') ?? '',
        attempt: Number(url.searchParams.get('attempt')),
        writtenAt: this.#timeline.now,
        endedAt: undefined,
        acceptedAt: undefined,
        sid: undefined,
        listedFrom: 0,
        failedAt: undefined,
      };
      this.requests.push(sent);
      const who = `${sent.messageId.slice(28, 32)} attempt ${sent.attempt}`;
      this.#tell(host.name, `writes ${who} to the provider: ${fate}`);
      // Whether the sender lived to see the end of it.
      let heard = false;
      const accept = (ms: number): void => {
        this.#timeline.after(ms, () => this.#accept(sent, request.statusCallback));
      };
      const answer = (ms: number, outcome: () => SendOutcome): void => {
        this.#timeline.after(ms, () => {
          sent.endedAt ??= this.#timeline.now;
        });
        host.deliver(ms, () => {
          heard = true;
          resolve({ ...outcome(), elapsedMs: ms });
        });
      };
      const timesOut = (): void => answer(this.#timeoutMs, () => broken('timeout'));
      const early = latency * random.next();
      if (this.credentials.get(account.accountSid) !== account.authToken) {
        answer(latency, () => answered(401, 20003));
        return;
      }
      switch (fate) {
        case 'accepted':
          accept(early);
          answer(latency, () => ({ ...answered(201), sid: sent.sid as string, status: 'queued' }));
          break;
        case 'answer_lost':
          accept(early);
          timesOut();
          break;
        case 'broken_after':
          accept(early);
          answer(latency, () => broken('reset'));
          break;
        case 'garbage':
          accept(early);
          answer(latency, () => broken('unparsable'));
          break;
        case 'request_lost':
          timesOut();
          break;
        case 'unreachable':
          answer(early, () => plain('not_sent', 'connect'));
          break;
        case 'late':
          accept(this.#timeoutMs + random.between(0, LATEST_MS));
          timesOut();
          break;
        case 'stranded':
          this.#timeline.after(random.between(this.#timeoutMs, LATEST_STRANDED_MS), () => {
            if (!heard) this.#accept(sent, request.statusCallback);
          });
          timesOut();
          break;
        case 'failed':
          answer(latency, () => answered(503, 20503));
          break;
        case 'failed_accepted':
          accept(early);
          answer(latency, () => answered(500, 20500));
          break;
        case 'throttled':
          answer(latency, () => ({
            ...answered(429, 20429),
            ...(random.chance(0.5) ? { retryAfterMs: 1_000 } : {}),
          }));
          break;
        case 'transient':
          answer(latency, () => answered(400, 63010));
          break;
        case 'recipient':
          answer(latency, () => answered(400, 21211));
          break;
        case 'opted_out':
          answer(latency, () => answered(400, 21610));
          break;
        case 'suspended':
          answer(latency, () => answered(401, 20003));
          break;
        case 'paused':
          answer(latency, () => answered(400, 63018));
          break;
        default:
          fate satisfies never;
      }
    });
  }

  #accept(sent: Sent, callbackUrl: string): void {
    const random = this.#random;
    const now = this.#timeline.now;
    this.#sids += 1;
    const sid = `SM${String(this.#sids).padStart(32, '0')}`;
    sent.sid = sid;
    sent.acceptedAt = now;
    sent.listedFrom = now + random.between(0, this.weather.listLagMs);
    this.#tell(
      'provider',
      `accepts ${sent.messageId.slice(28, 32)} attempt ${sent.attempt} as …${sid.slice(-4)}`,
    );
    const sequel = random.weighted(this.weather.sequels);
    const tell = (status: ProviderStatus, ms: number, errorCode?: number): void => {
      // Twice, late, and so out of order: callbacks carry no time of their own.
      const times = random.chance(0.1) ? 2 : 1;
      for (let n = 0; n < times; n += 1)
        this.#timeline.after(ms + random.between(0, random.chance(0.1) ? 5_000 : 50), () =>
          this.#report({ callbackUrl, sid, status, errorCode }),
        );
    };
    const soon = random.between(0, 2_000);
    const fails = (code: number): void => {
      this.#timeline.after(soon, () => {
        sent.failedAt = this.#timeline.now;
        this.#tell('provider', `reports …${sid.slice(-4)} failed: ${code}`);
        tell(random.chance(0.5) ? 'failed' : 'undelivered', 0, code);
      });
    };
    switch (sequel) {
      case 'silent':
        break;
      case 'delivered':
      case 'read':
        tell('sent', random.between(0, soon));
        tell('delivered', soon);
        if (sequel === 'read') tell('read', soon + random.between(0, 500));
        break;
      case 'undelivered':
        fails(63003);
        break;
      case 'failed_limit':
        fails(63018);
        break;
      default:
        sequel satisfies never;
    }
  }

  #list(
    host: Host,
    account: ProviderAccount,
    filter: { readonly to: string; readonly from: string; readonly since: Date },
  ): Promise<MessageListing> {
    return new Promise((resolve) => {
      if (!host.leaves()) return;
      const random = this.#random;
      const fails = random.chance(this.weather.listFails);
      this.#timeline.after(random.between(5, 100), () => {
        const now = this.#timeline.now;
        const oldest = Math.floor(filter.since.getTime() / 1_000) * 1_000;
        const found = this.requests.flatMap((sent): MessageRecord[] => {
          if (sent.sid === undefined || sent.acceptedAt === undefined || sent.listedFrom > now) return [];
          const created = Math.floor((EPOCH_MS + sent.acceptedAt) / 1_000) * 1_000;
          const fits =
            sent.account === account.accountSid && sent.to === filter.to && sent.from === filter.from;
          if (!fits || created < oldest) return [];
          const { sid, to, from, body } = sent;
          return [{ sid, status: 'queued', to, from, body, dateCreated: new Date(created), dateSent: null }];
        });
        const seen = fails ? found.filter(() => random.chance(0.5)) : found;
        this.#tell(host.name, `lists ${filter.to.slice(-4)}: ${fails ? 'fails' : `${seen.length} found`}`);
        const messages = seen.toReversed();
        host.deliver(random.between(0, 50), () =>
          resolve(
            fails
              ? { complete: false, messages, failure: answered(500, 20500) }
              : { complete: true, messages },
          ),
        );
      });
    });
  }
}

function answered(httpStatus: number, code?: number): SendOutcome {
  const row = classify({ where: 'response', httpStatus, code });
  return { ...plain(row.class, 'http', row), httpStatus, ...(code === undefined ? {} : { code }) };
}

function broken(cause: OutcomeCause): SendOutcome {
  return plain('ambiguous', cause);
}

function plain(
  kind: OutcomeClass,
  cause: OutcomeCause,
  row?: { readonly pause?: NonNullable<SendOutcome['pause']> },
): SendOutcome {
  const { action, countsAttempt } = outcomeClasses[kind];
  return {
    class: kind,
    action,
    cause,
    known: true,
    countsAttempt,
    message: kind,
    elapsedMs: 0,
    ...(row?.pause ? { pause: row.pause } : {}),
  };
}
