import { LedgerError, type RateGroupState } from '@mersal/ledger';
import { createShare, type GlobalRate, nextGroup, RateUnavailable, type Reservation } from '@mersal/limits';
import type { Logger } from '@mersal/telemetry';
import { CLAIM_AGE_MS } from '../attempt/claim-age.js';
import type { Clock } from '../clock/clock.js';
import type { RateGroupStore } from './rate-group-store.js';

export interface RateGroupParts {
  readonly store: RateGroupStore;
  readonly redisRate: GlobalRate;
  /** Whether Redis answers just now. */
  readonly ping: () => Promise<boolean>;
  readonly perSecond: number;
  /** Longest set-up of a connection to the provider, in ms: requests are written that much later than they are begun. */
  readonly connectTimeoutMs: number;
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const BEAT_MS = 1_000;
const SECOND_MS = 1_000;
const NOT_YET_MS = 100;

/**
 * The global rate as the group of senders keeps it: through Redis, or, while Redis is away from any of them, in equal
 * shares. The mode is a row in Postgres that every claim checks (see nextGroup for its changes).
 */
export class RateGroup implements GlobalRate {
  readonly atOnce: number;
  readonly #parts: RateGroupParts;
  /**
   * A new epoch dispatches this long after the change, in ms. A claim that was made just before it may still wait for an instant of
   * the old one as its age allows, and write when its connection is made; that must leave the sliding second, too.
   */
  readonly #settleMs: number;
  #group: RateGroupState | undefined;
  #share: GlobalRate | undefined;
  #usableFrom = Number.POSITIVE_INFINITY;
  #redisFailed = false;
  #beating: Promise<void> | undefined;
  #stopTimer: () => void = () => undefined;

  constructor(parts: RateGroupParts) {
    this.#parts = parts;
    this.#settleMs = CLAIM_AGE_MS + parts.connectTimeoutMs + SECOND_MS;
    this.atOnce = parts.redisRate.atOnce;
  }

  get mode(): 'redis' | 'shares' | 'unknown' {
    return this.#group?.mode ?? 'unknown';
  }

  async start(): Promise<void> {
    await this.refresh();
    this.#stopTimer = this.#parts.clock.every(BEAT_MS, () => void this.refresh().catch(this.#quiet));
  }

  async stop(): Promise<void> {
    this.#stopTimer();
    await this.#beating?.catch(this.#quiet);
    await this.#parts.store.leave(this.#parts.name).catch(this.#quiet);
  }

  async reserve(most: number, readyInMs?: number): Promise<Reservation> {
    const { clock, redisRate } = this.#parts;
    const group = this.#group;
    if (!group || clock.now() < this.#usableFrom)
      return { kind: 'wait', retryAt: Math.min(this.#usableFrom, clock.now() + NOT_YET_MS) };
    if (group.mode === 'shares') {
      // Not a member of this epoch yet: the next beat makes one that has us in it.
      if (!this.#share) return { kind: 'wait', retryAt: clock.now() + NOT_YET_MS };
      return of(group, await this.#share.reserve(most, readyInMs));
    }
    try {
      return of(group, await redisRate.reserve(most, readyInMs));
    } catch (error) {
      if (!(error instanceof RateUnavailable)) throw error;
      this.#redisFailed = true;
      void this.refresh().catch(this.#quiet);
      return { kind: 'wait', retryAt: clock.now() + NOT_YET_MS };
    }
  }

  /** Reads the group anew and changes it where that is due. A call while one is under way joins it. */
  refresh(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  async #beat(): Promise<void> {
    const { store, name, ping, logger } = this.#parts;
    const failed = this.#redisFailed;
    this.#redisFailed = false;
    const redisOk = (await ping()) && !failed;
    const { group, live } = await store.beat(name, redisOk);
    const next = nextGroup(group, live);
    const changed = next && (await store.change(group.epoch, next));
    if (changed)
      logger.warn(
        { mode: changed.mode, members: changed.members, epoch: changed.epoch },
        `the global rate is kept ${changed.mode === 'redis' ? 'through Redis' : `in ${changed.members.length} equal shares: Redis is away`}`,
      );
    this.#take(changed ?? group);
  }

  #take(group: RateGroupState): void {
    const { clock, name, perSecond } = this.#parts;
    if (group.epoch === this.#group?.epoch) return;
    this.#group = group;
    this.#usableFrom = clock.now() + Math.max(0, this.#settleMs - group.ageMs);
    this.#share =
      group.mode === 'shares' && group.members.includes(name)
        ? createShare({ perSecond, members: group.members.length, now: () => clock.now() })
        : undefined;
  }

  readonly #quiet = (error: unknown): void => {
    if (!(error instanceof LedgerError)) throw error;
    this.#parts.logger.debug({ err: error }, 'the rate group could not be read');
  };
}

function of(group: RateGroupState, reservation: Reservation): Reservation {
  return reservation.kind === 'instants' ? { ...reservation, epoch: group.epoch } : reservation;
}
