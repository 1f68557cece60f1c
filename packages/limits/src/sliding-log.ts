/**
 * The rule by which the global rate is given, on one clock: a sliding log of requests. A right is to write one request at an
 * instant or up to GRACE_MS after it; the log knows of each how late its request can have been written at most.
 *
 *   reserve ─► instant ──► in the log as late as its grace allows
 *                              │ written ─► as late as it was
 *                              └ unused  ─► gone, and its pace is given back
 *
 * No instant is given nearer than a window behind the latest possible moment of the request `limit` places before it. So of any
 * limit + 1 requests the one given last is written at least a window after one of the others, whatever was late, unused or
 * never reported. What the window has above a second absorbs what happens between writing and receipt.
 *
 * Beside that a pace: instants are an interval apart as long as nobody is behind, and down to half of it to catch up.
 */

/** The share of the limit that is used: what is left is the time that requests may differ in on their way, 26 ms in a second. */
export const SAFE_SHARE = 0.975;
/** An instant not used within this time after it is void, in ms: a process on a busy machine wakes that late. */
export const GRACE_MS = 100;
/** An instant further ahead than this is not given, in ms. */
export const HORIZON_MS = 250;
/** How much of the pace can be caught up with at once, in ms. */
export const CATCH_UP_MS = 100;
/** By then every instant that was given is written or void, in ms, whatever the clock says meanwhile. */
export const OUTSTANDING_MS = HORIZON_MS + GRACE_MS;
const FEWEST_AT_ONCE = 4;
/** What takes longer than this and the grace has its instants void, in ms: the ledger hardly answers. */
export const MOST_LEAD_MS = 150;
/** The least share of the interval between two instants. */
export const CLOSEST = 0.5;

export interface LogLimit {
  /** Most requests in a window: an integer. */
  readonly requests: number;
  /** By when they are written, in ms. */
  readonly windowMs: number;
}

/** `perSecond` requests in any 1,000 ms; below one a second, one in the time that it stands for. */
export function logLimit(perSecond: number): LogLimit {
  const requests = Math.max(1, Math.floor(perSecond));
  return { requests, windowMs: 1_000 / Math.min(1, perSecond) / SAFE_SHARE };
}

/**
 * How many instants are reserved at once at the most. At a low rate few reach far ahead: their claims would hold slots that long, and
 * other senders find none.
 */
export function mostAtOnce(perSecond: number): number {
  const { requests, windowMs } = logLimit(perSecond);
  const withinHorizon = Math.max(1, Math.floor(HORIZON_MS / (windowMs / requests)));
  return Math.min(withinHorizon, Math.max(FEWEST_AT_ONCE, Math.ceil(perSecond / 20)));
}

/**
 * How far ahead the first instant has to be for a request that is ready in so many ms, whole ms, at least 1. Half of the grace is
 * for what is later than expected, the other half spares the wait: an instant that is used late costs no more than its lateness.
 */
export function leadFor(readyInMs: number): number {
  return Math.round(Math.min(MOST_LEAD_MS, Math.max(1, readyInMs - GRACE_MS / 2)));
}

export type Given =
  | { readonly kind: 'instants'; readonly at: readonly number[] }
  /** None within the horizon; the next one would be at this time. */
  | { readonly kind: 'wait'; readonly next: number };

/**
 * The rule itself, in one process: what the script in Redis does, for the simulation and to test that one by. It reckons in µs and in
 * the order that the script has, so both give the same instants to the last bit.
 */
export class SlidingLog {
  readonly #limit: number;
  readonly #window: number;
  readonly #interval: number;
  /** By instant: the latest moment that its request can have been written at. */
  readonly #latest = new Map<number, number>();
  #pace = 0;
  #last = Number.NEGATIVE_INFINITY;

  /** Nothing is known of what was let through before `now`: the first instant is a window ahead. Times in ms of one clock. */
  constructor(limit: LogLimit, now: number) {
    this.#limit = limit.requests;
    this.#window = (limit.windowMs / 1_000) * 1_000_000;
    this.#interval = this.#window / this.#limit;
    this.#begin(inUs(now));
  }

  /** Up to `most` instants, none nearer than `leadMs`. */
  reserve(nowMs: number, most: number, leadMs: number): Given {
    const now = inUs(nowMs);
    const known = now + OUTSTANDING_MS * 1_000;
    if (this.#furthest() > known + this.#window) this.#begin(known);
    for (const [at, latest] of this.#latest) if (latest <= now - this.#window) this.#latest.delete(at);
    const given: number[] = [];
    while (given.length < most) {
      const earliest = Math.max(
        now + leadMs * 1_000,
        this.#pace,
        this.#last + CLOSEST * this.#interval,
        this.#nthLatest() + this.#window,
      );
      const at = Math.ceil(earliest);
      if (at - now > HORIZON_MS * 1_000)
        return given.length > 0 ? { kind: 'instants', at: given } : { kind: 'wait', next: at / 1_000 };
      this.#latest.set(at, at + GRACE_MS * 1_000);
      this.#pace = Math.max(this.#pace, at - CATCH_UP_MS * 1_000) + this.#interval;
      this.#last = at;
      given.push(at / 1_000);
    }
    return { kind: 'instants', at: given };
  }

  /** The request of this instant was written by then: also where that is beyond its grace, as where a connection took long. */
  written(instant: number, by: number): void {
    if (this.#latest.has(inUs(instant))) this.#latest.set(inUs(instant), inUs(by));
  }

  /** No request was, or will be, written at this instant. */
  unused(instant: number): void {
    if (this.#latest.delete(inUs(instant))) this.#pace -= this.#interval;
  }

  /** Nothing is known of what was let through before this moment. */
  #begin(from: number): void {
    this.#latest.clear();
    this.#pace = from + this.#window;
    this.#last = Number.NEGATIVE_INFINITY;
  }

  /**
   * What is furthest ahead of all that is known. An instant is at most the horizon ahead, its request the grace behind it, the pace
   * an interval, and at the beginning a window behind these: what is beyond that is of a clock that was set back.
   */
  #furthest(): number {
    let furthest = Math.max(this.#pace, this.#last);
    for (const latest of this.#latest.values()) furthest = Math.max(furthest, latest);
    return furthest;
  }

  #nthLatest(): number {
    if (this.#latest.size < this.#limit) return Number.NEGATIVE_INFINITY;
    return [...this.#latest.values()].toSorted((a, b) => b - a)[this.#limit - 1] as number;
  }
}

function inUs(ms: number): number {
  return Math.round(ms * 1_000);
}
