import { BREAKER, Breaker, type BreakerOptions, type Started } from './breaker.js';

export interface BreakersOptions {
  readonly breaker: BreakerOptions;
  /** Accounts with a breaker of their own, at most: the one whose last failure is oldest leaves first. */
  readonly most: number;
  /** A quiet breaker is kept this long after its last trouble, in ms: until what failed in it is reconciled. */
  readonly keepMs: number;
}

export const BREAKERS: BreakersOptions = { breaker: BREAKER, most: 10_000, keepMs: 3_600_000 };

/**
 * Whom a failure speaks of. `provider`: HTTP 5xx, time-outs, failed connections, for any account the same.
 * `account`: HTTP 401 and the like, which say that the provider is well.
 */
export type Blame = 'provider' | 'account';

/** A breaker that is not closed. */
export interface BreakerTrouble {
  /** Undefined: the provider's. */
  readonly account: string | undefined;
  readonly state: 'open' | 'half_open';
  /** When it began, on the clock that the breakers are told. */
  readonly since: number;
}

export interface StartedBoth {
  /** Either breaker's probe: its failure is never the message's. */
  readonly probe: boolean;
  readonly provider: Started;
  readonly account: Started;
}

const NONE: readonly never[] = [];

/** One breaker for the provider as a whole and one an account. Accounts that never fail cost no memory. */
export class Breakers {
  readonly provider: Breaker;
  readonly #options: BreakersOptions;
  /** The one whose last failure is oldest first. */
  readonly #accounts = new Map<string, Breaker>();

  constructor(options: BreakersOptions = BREAKERS) {
    this.#options = options;
    this.provider = new Breaker(options.breaker);
  }

  /** Accounts that have a breaker. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Those that are not closed, `most` of them: the provider's first, which has no account. */
  open(now: number, most: number): BreakerTrouble[] {
    const found: BreakerTrouble[] = [];
    const provider = this.provider.trouble(now);
    if (provider) found.push({ account: undefined, ...provider });
    for (const [account, breaker] of this.#accounts) {
      if (found.length >= most) break;
      const own = breaker.trouble(now);
      if (own) found.push({ account, ...own });
    }
    return found;
  }

  isOpen(account: string): boolean {
    return this.provider.isOpen || (this.#accounts.get(account)?.isOpen ?? false);
  }

  /** How many requests of this account may start: none, one as a probe, or any number. */
  permits(account: string, now: number): number {
    const own = this.#accounts.get(account)?.permits(now) ?? Number.POSITIVE_INFINITY;
    return Math.min(this.provider.permits(now), own);
  }

  /** When to ask again, not before `now`; undefined while both are closed. */
  retryAt(account: string, now: number): number | undefined {
    const own = this.#accounts.get(account)?.retryAt(now);
    const all = this.provider.retryAt(now);
    return own === undefined || all === undefined ? (own ?? all) : Math.max(own, all);
  }

  started(account: string, now: number): StartedBoth {
    const provider = this.provider.started(now);
    const own = this.#accounts.get(account)?.started(now) ?? { at: now, probe: false, opening: 0 };
    return { probe: provider.probe || own.probe, provider, account: own };
  }

  succeeded(account: string, started: StartedBoth, now: number): void {
    this.provider.succeeded(started.provider, now);
    this.#accounts.get(account)?.succeeded(started.account, now);
  }

  /** Returns which of the two this failure opened. */
  failed(
    account: string,
    started: StartedBoth,
    failure: { readonly message: string; readonly blame: Blame; readonly patienceMs?: number },
    now: number,
  ): { readonly provider: boolean; readonly account: boolean } {
    const { message, blame, patienceMs } = failure;
    const own = this.#of(account, now).failed(started.account, message, now, patienceMs);
    if (blame === 'provider')
      return { account: own, provider: this.provider.failed(started.provider, message, now, patienceMs) };
    this.provider.succeeded(started.provider, now);
    return { account: own, provider: false };
  }

  abandoned(account: string, started: StartedBoth): void {
    this.provider.abandoned(started.provider);
    this.#accounts.get(account)?.abandoned(started.account);
  }

  /** Whether an attempt of this account at that moment (ms) failed in a trouble, the provider's or the account's own. */
  troubleAt(account: string, moment: number): boolean {
    return this.provider.troubleAt(moment) || (this.#accounts.get(account)?.troubleAt(moment) ?? false);
  }

  /** The last troubles that kept this account's requests back: the provider's and its own. Their end is Infinity while they last. */
  lastTroubles(account: string): readonly { readonly from: number; readonly to: number }[] {
    const all = this.provider.lastSpan;
    const own = this.#accounts.get(account)?.lastSpan;
    if (all === undefined && own === undefined) return NONE;
    return [all, own].flatMap((span) => span ?? []);
  }

  #of(account: string, now: number): Breaker {
    const known = this.#accounts.get(account);
    this.#accounts.delete(account);
    const breaker = known ?? new Breaker(this.#options.breaker);
    this.#accounts.set(account, breaker);
    if (!known) this.#forget(now, breaker);
    return breaker;
  }

  /** Drops what is quiet and long over from the old end, and beyond the bound whatever is oldest. */
  #forget(now: number, fresh: Breaker): void {
    for (const [account, breaker] of this.#accounts) {
      if (breaker === fresh) return;
      const over = breaker.isQuiet && now - (breaker.lastTrouble ?? 0) > this.#options.keepMs;
      if (!over && this.#accounts.size <= this.#options.most) return;
      this.#accounts.delete(account);
    }
  }
}
