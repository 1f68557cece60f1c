import { LRUCache } from 'lru-cache';
import type { FailedCreation } from './failed-creation.js';
import { type CacheLogger, reasonOf } from './logger.js';
import type { Recorder } from './metrics/recorder.js';
import type { Lock, LookUp, SharedTiers } from './shared-tiers.js';
import type { SidCacheTimes } from './sid-cache-times.js';
import { TemplateCacheError } from './template-cache-error.js';
import type { TemplateCreator, TemplateFinder } from './template-creator.js';
import { friendlyNameOf, type TemplateIdentity } from './template-identity.js';

export interface CreationsOptions {
  readonly tiers: SharedTiers;
  readonly recorder: Recorder;
  readonly logger: CacheLogger;
  readonly times: SidCacheTimes;
  readonly sleep: (ms: number) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** A SID came after all whose caller is gone. */
  readonly onLate: (identity: TemplateIdentity, sid: string) => void;
}

/** What is to be made, for whom, and how. */
export interface Wanted {
  readonly identity: TemplateIdentity;
  readonly tenant: string;
  readonly creator: TemplateCreator;
  readonly find: TemplateFinder | undefined;
}

const MOST_FAILURES = 10_000;
const LOCK_MARGIN_MS = 5_000;

/**
 * One creation at a time over all processes, and none while one has just failed.
 *
 *   lock ──► look again ──► find ──► create ──► kept in all tiers (the first row counts) ──► unlocked
 *    │ held by another                  ├──► failed: all are told for failureMs ──► unlocked
 *    └──► look again a little later     └──► no answer in creatorMs: failed as well, and locked until it ends or the lock runs out
 *
 * What ends late is kept like any other: the provider has it.
 */
export class Creations {
  readonly #options: CreationsOptions;
  readonly #failures = new LRUCache<string, FailedCreation & { readonly until: number }>({
    max: MOST_FAILURES,
  });

  constructor(options: CreationsOptions) {
    this.#options = options;
  }

  /** @throws TemplateCacheError `creation_suppressed` where it failed a moment ago, here or where the look-up says */
  refuseFailed({ hash, key }: TemplateIdentity, looked: LookUp): void {
    const here = this.#failures.get(hash);
    const failed = here && this.#options.now() < here.until ? here : looked.failed;
    if (failed)
      throw new TemplateCacheError(
        'creation_suppressed',
        `the creation of ${key} failed a moment ago`,
        failed.error,
      );
  }

  /** The SID that this process creates, or another one meanwhile. */
  async once(wanted: Wanted): Promise<string> {
    const { tiers, times, now, sleep, random } = this.#options;
    const { identity } = wanted;
    const lockMs = times.creatorMs + LOCK_MARGIN_MS;
    // As long as one other may create and die of it, and a third one after it.
    const giveUpAt = now() + 2 * lockMs;
    for (;;) {
      const lock = await tiers.lock(identity, lockMs);
      if (lock) return this.#withLock(wanted, lock);
      if (now() >= giveUpAt)
        throw new TemplateCacheError(
          'creation_busy',
          `${identity.key} is being created elsewhere for too long`,
        );
      await sleep(times.pollMs * (0.5 + random()));
      const looked = await tiers.lookUp(identity);
      if (looked.found) return looked.found.sid;
      this.refuseFailed(identity, looked);
    }
  }

  async #withLock(wanted: Wanted, lock: Lock): Promise<string> {
    const { tiers, times } = this.#options;
    const { identity } = wanted;
    let late: Promise<void> | undefined;
    try {
      const looked = await tiers.lookUp(identity);
      if (looked.found) return looked.found.sid;
      // Whoever had the lock before may have failed.
      this.refuseFailed(identity, looked);
      const giveUp = new AbortController();
      const making = make(wanted, giveUp.signal);
      let made: Made;
      try {
        made = await inTime(making, times.creatorMs, identity.key);
      } catch (error) {
        await this.#failed(identity, error);
        if (isTimeout(error)) {
          giveUp.abort();
          late = this.#keepLate(wanted, making, lock);
        }
        throw error;
      }
      return await this.#keep(wanted, made, lock);
    } finally {
      // While the creator still runs nobody else is to begin; where it hangs, the lock runs out.
      if (late) void late.then(() => tiers.release(identity, lock));
      else await tiers.release(identity, lock);
    }
  }

  /** Before the lock is given back, so that who waits for it hears of this first. */
  async #failed(identity: TemplateIdentity, error: unknown): Promise<void> {
    const { tiers, times, now } = this.#options;
    this.#failures.set(identity.hash, { error, until: now() + times.failureMs });
    await tiers.tellFailure(identity, error, times.failureMs);
  }

  async #keep({ identity, tenant }: Wanted, { sid: made, recovered }: Made, lock: Lock): Promise<string> {
    const { tiers, recorder, logger } = this.#options;
    const sid = await tiers.keep(identity, made, lock);
    if (!recovered) recorder.record('creation', identity.key, identity.hash, made, { restaurantId: tenant });
    if (sid !== made)
      logger.warn(
        { key: identity.key, sid: made, kept: sid },
        'another process created this template meanwhile: one is left over at the provider',
      );
    return sid;
  }

  /** Its caller has been told that it took too long; the provider has the template all the same. */
  async #keepLate(wanted: Wanted, making: Promise<Made>, lock: Lock): Promise<void> {
    const { logger, onLate } = this.#options;
    const { identity } = wanted;
    try {
      onLate(identity, await this.#keep(wanted, await making, lock));
    } catch (error) {
      logger.debug(
        { reason: reasonOf(error), key: identity.key },
        'a creation that took too long came to nothing',
      );
    }
  }
}

interface Made {
  readonly sid: string;
  /** Found at the provider, and not created now. */
  readonly recovered: boolean;
}

async function make({ identity, creator, find }: Wanted, givenUp: AbortSignal): Promise<Made> {
  const friendlyName = friendlyNameOf(identity);
  const found = await find?.(friendlyName);
  // The lock may have run out, and another be creating.
  givenUp.throwIfAborted();
  const sid = found ?? (await creator({ hash: identity.hash, friendlyName }));
  if (typeof sid !== 'string' || !/^[A-Za-z0-9_-]{3,64}$/.test(sid))
    throw new TemplateCacheError('sid_invalid', `the creator of ${identity.key} gave no SID`);
  return { sid, recovered: found !== undefined };
}

const isTimeout = (error: unknown): boolean =>
  error instanceof TemplateCacheError && error.code === 'creation_timeout';

async function inTime<T>(work: Promise<T>, ms: number, key: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TemplateCacheError('creation_timeout', `no SID of ${key} within ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
