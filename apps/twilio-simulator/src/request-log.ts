import { SlidingWindow } from './sliding-window.js';

/** One message create, as the provider saw it. */
export interface RequestEntry {
  /** When its headers had been read, in ms since the epoch with fractions. */
  readonly receivedAt: number;
  /** When its answer was written, or its connection dropped; null while under way. */
  finishedAt: number | null;
  account: string;
  to: string;
  body: string;
  /** The answer's HTTP status; null while under way, 0 if none was given. */
  status: number | null;
  sid: string | null;
  /** From the query of its StatusCallback. */
  messageId: string | null;
  attempt: number | null;
}

interface AccountCounts {
  requests: number;
  accepted: number;
  inFlight: number;
  maxInFlight: number;
}

export interface RequestStats {
  readonly total: number;
  readonly accepted: number;
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** The most creates received in any 1,000 ms. */
  readonly maxPerSecond: number;
  /** Acceptances of a message id whose earlier acceptance had not been reported failed. */
  readonly duplicates: number;
  readonly duplicateIds: readonly string[];
  readonly dropped: number;
  readonly accounts: Readonly<
    Record<string, { requests: number; accepted: number; inFlight: number; maxInFlight: number }>
  >;
}

const MAX_DUPLICATE_IDS = 1_000;

/** The last creates, and counts of all of them. Bounded: entries beyond the capacity are only counted. */
export class RequestLog {
  readonly #capacity: number;
  #ring: RequestEntry[] = [];
  #next = 0;
  #total = 0;
  #accepted = 0;
  #inFlight = 0;
  #maxInFlight = 0;
  #maxPerSecond = 0;
  #window = new SlidingWindow(1_000);
  #accounts = new Map<string, AccountCounts>();
  #live = new Map<string, string>();
  #duplicates = 0;
  #duplicateIds = new Set<string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  receive(receivedAt: number, account: string): RequestEntry {
    const entry: RequestEntry = {
      receivedAt,
      finishedAt: null,
      account,
      to: '',
      body: '',
      status: null,
      sid: null,
      messageId: null,
      attempt: null,
    };
    this.#total += 1;
    this.#maxPerSecond = Math.max(this.#maxPerSecond, this.#window.add(receivedAt));
    this.#inFlight += 1;
    this.#maxInFlight = Math.max(this.#maxInFlight, this.#inFlight);
    const counts = this.#countsOf(account);
    counts.requests += 1;
    counts.inFlight += 1;
    counts.maxInFlight = Math.max(counts.maxInFlight, counts.inFlight);
    if (this.#ring.length < this.#capacity) this.#ring.push(entry);
    else {
      this.#ring[this.#next] = entry;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    return entry;
  }

  accept(entry: RequestEntry, sid: string): void {
    entry.sid = sid;
    this.#accepted += 1;
    this.#countsOf(entry.account).accepted += 1;
    const id = entry.messageId;
    if (id === null) return;
    if (this.#live.has(id)) {
      this.#duplicates += 1;
      if (this.#duplicateIds.size < MAX_DUPLICATE_IDS) this.#duplicateIds.add(id);
    }
    this.#live.set(id, sid);
    if (this.#live.size > this.#capacity * 2) {
      const oldest = this.#live.keys().next();
      if (!oldest.done) this.#live.delete(oldest.value);
    }
  }

  /** The provider reported this SID failed: another acceptance of its message is no duplicate. */
  reportedFailed(messageId: string | null, sid: string): void {
    if (messageId !== null && this.#live.get(messageId) === sid) this.#live.delete(messageId);
  }

  /** @param status the answer's HTTP status, 0 if the connection ended without one */
  finish(entry: RequestEntry, finishedAt: number, status: number): void {
    if (entry.finishedAt !== null) return;
    entry.finishedAt = finishedAt;
    entry.status = status;
    this.#inFlight -= 1;
    this.#countsOf(entry.account).inFlight -= 1;
  }

  /** At least 1: whoever asks has a request of its own under way. */
  inFlightOf(account: string): number {
    return Math.max(1, this.#accounts.get(account)?.inFlight ?? 1);
  }

  /** Oldest first. */
  *entries(): Generator<RequestEntry> {
    for (let i = 0; i < this.#ring.length; i += 1) {
      const entry = this.#ring[(this.#next + i) % this.#ring.length];
      if (entry) yield entry;
    }
  }

  stats(): RequestStats {
    return {
      total: this.#total,
      accepted: this.#accepted,
      inFlight: this.#inFlight,
      maxInFlight: this.#maxInFlight,
      maxPerSecond: this.#maxPerSecond,
      duplicates: this.#duplicates,
      duplicateIds: [...this.#duplicateIds],
      dropped: this.#total - this.#ring.length,
      accounts: Object.fromEntries([...this.#accounts].map(([sid, counts]) => [sid, { ...counts }])),
    };
  }

  #countsOf(account: string): AccountCounts {
    let counts = this.#accounts.get(account);
    if (!counts) {
      counts = { requests: 0, accepted: 0, inFlight: 0, maxInFlight: 0 };
      this.#accounts.set(account, counts);
    }
    return counts;
  }
}
