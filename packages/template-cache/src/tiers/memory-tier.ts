import { LRUCache } from 'lru-cache';
import type { TemplateIdentity } from '../template-identity.js';
import { GONE_MS, type SidTier, type StoredSid, type TierAnswer } from './sid-tier.js';

const MOST_SIDS = 10_000;
/** Between looks elsewhere that failed. */
const RENEW_PAUSE_MS = 5_000;

export interface MemoryTierOptions {
  /** How long a SID is trusted, in ms; Infinity where there is nobody else to ask. */
  readonly freshMs: number;
  /** How much longer it is answered while somebody looks again, since the last look that failed. */
  readonly staleMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Remembered extends TierAnswer, StoredSid {
  readonly sid: string;
  renewAt: number;
  endsAt: number;
}

const NOTHING: TierAnswer = { sid: undefined, gone: false };
const GONE: TierAnswer = { sid: undefined, gone: true };

/**
 * What this process knows, for a while. Deadlines are by the given clock; the library's own would be another one. The hash of an identity
 * covers account and key.
 *
 *   fresh ──freshMs──► stale: due to be looked up elsewhere ──nobody asked for staleMs──► unknown
 */
export class MemoryTier implements SidTier {
  readonly #options: MemoryTierOptions;
  readonly #sids = new LRUCache<string, Remembered>({ max: MOST_SIDS });
  /** What was removed lately, and until when that is remembered. */
  readonly #gone = new LRUCache<string, number>({ max: MOST_SIDS });

  constructor(options: MemoryTierOptions) {
    this.#options = options;
  }

  get({ hash }: TemplateIdentity): TierAnswer {
    const entry = this.#sids.get(hash);
    const goneUntil = entry ? undefined : this.#gone.get(hash);
    if (!entry) return goneUntil !== undefined && this.#options.now() < goneUntil ? GONE : NOTHING;
    if (this.#options.now() < entry.endsAt) return entry;
    this.#sids.delete(hash);
    return NOTHING;
  }

  put(identity: TemplateIdentity, sid: string): string {
    const { freshMs, staleMs, now } = this.#options;
    const renewAt = now() + freshMs;
    const entry: Remembered = { identity, sid, gone: false, renewAt, endsAt: renewAt + staleMs };
    this.#sids.set(identity.hash, entry);
    return sid;
  }

  remove({ hash }: TemplateIdentity, sid: string, went = false): boolean {
    const removed = this.#sids.peek(hash)?.sid === sid && this.#sids.delete(hash);
    if (removed || went) this.#gone.set(hash, this.#options.now() + GONE_MS);
    return removed;
  }

  /** Forgets all of an account. Returns what it was. */
  removeAccount(account: string): StoredSid[] {
    const removed = [...this.#sids.values()].filter(({ identity }) => identity.account === account);
    for (const { identity, sid } of removed) this.remove(identity, sid);
    return removed.map(({ identity, sid }) => ({ identity, sid }));
  }

  /** Whether an answer is stale and nobody looks again yet: the one who is told so is to look. */
  due(answer: TierAnswer): boolean {
    const now = this.#options.now();
    const entry = answer as Partial<Remembered>;
    if (entry.renewAt === undefined || now < entry.renewAt) return false;
    entry.renewAt = now + RENEW_PAUSE_MS;
    // While nobody elsewhere can answer, what is asked for here stays known.
    entry.endsAt = entry.renewAt + this.#options.staleMs;
    return true;
  }

  /** Whether this answer is what a call would get now. */
  holds({ hash }: TemplateIdentity, answer: TierAnswer): boolean {
    return this.#sids.peek(hash) === answer;
  }

  /** Takes it out without a word: nobody knows it any more, which is no removal. */
  drop({ hash }: TemplateIdentity): void {
    this.#sids.delete(hash);
  }
}
