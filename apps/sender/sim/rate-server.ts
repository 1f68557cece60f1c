import type { RateGroupStore } from '@mersal/delivery';
import type { LiveMember, RateGroupState } from '@mersal/ledger';
import {
  type GlobalRate,
  INSTANT_GRACE_MS,
  type Instant,
  LARGEST_UNCERTAINTY_MS,
  LEAD_MS,
  RateUnavailable,
  RemoteClock,
  SAFE_SHARE,
} from '@mersal/limits';
import type { Host } from './host.js';
import { call, calm, type Weather } from './network.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

const MEMBER_GONE_MS = 5_000;
/** As the script in packages/limits has them, in ms. */
const HORIZON_MS = 250;
const AFTER_FLUSH_MS = 1_000;

export interface Redis {
  /** When the next message may go; undefined: flushed. */
  tat: number | undefined;
  readonly away: Map<string, number>;
  /** Senders that can't read the rate group until then. */
  readonly deaf: Map<string, number>;
}

/** The rule of reserving-gcra.lua over a simulated Redis, as one sender reaches it. */
export function redisRateOver(
  world: { readonly timeline: Timeline; readonly random: Random; readonly redis: Redis },
  host: Host,
  perSecond: number,
): { readonly redisRate: GlobalRate; readonly ping: () => Promise<boolean> } {
  const { timeline, random, redis } = world;
  const intervalMs = 1_000 / (perSecond * SAFE_SHARE);
  const reachable = (): boolean => timeline.now >= (redis.away.get(host.name) ?? 0);
  const atOnce = Math.min(
    Math.max(1, Math.floor(HORIZON_MS / intervalMs)),
    Math.max(4, Math.ceil(perSecond / 20)),
  );
  let connection = 0;
  const clock = new RemoteClock();

  const command = <T>(work: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (!host.leaves()) return;
      const lost = (): void => {
        connection += 1;
        clock.forget();
        reject(new RateUnavailable(undefined));
      };
      if (!reachable()) {
        host.deliver(random.between(0, 2), lost);
        return;
      }
      const trip = random.chance(0.05) ? random.between(5, 30) : random.between(0.1, 1);
      timeline.after(trip / 2, () => {
        const answer = work();
        host.deliver(trip / 2, () => (reachable() ? resolve(answer) : lost()));
      });
    });

  const redisRate: GlobalRate = {
    atOnce,
    async reserve(most, leadMs = LEAD_MS.least) {
      const lead = Math.min(LEAD_MS.most, Math.max(LEAD_MS.least, leadMs));
      const count = Math.max(1, Math.min(most, atOnce));
      const sentAt = host.clock.now();
      const over = connection;
      const { ahead, granted, time } = await command(() => {
        const now = timeline.now;
        const tat = Math.max(redis.tat ?? now + AFTER_FLUSH_MS, now + lead);
        redis.tat ??= tat;
        const wait = tat - now;
        if (wait > HORIZON_MS) return { ahead: wait, granted: false, time: now };
        redis.tat = tat + count * intervalMs;
        return { ahead: wait, granted: true, time: now };
      });
      if (!granted) return { kind: 'wait', retryAt: sentAt + Math.max(1, ahead - 200) };
      if (over === connection) clock.note(sentAt, host.clock.now(), time);
      if (over !== connection || clock.uncertainty > LARGEST_UNCERTAINTY_MS)
        return { kind: 'wait', retryAt: host.clock.now() };
      const instants = Array.from({ length: count }, (_, i): Instant => {
        const at = clock.toLocal(time + ahead) + i * intervalMs;
        return { at, isValid: (moment) => moment <= at + INSTANT_GRACE_MS && over === connection };
      });
      return { kind: 'instants', instants };
    },
  };
  return { redisRate, ping: () => command(() => true).catch(() => false) };
}

/** The rows of the rate group, by the database's clock. */
export class RateGroupRows {
  readonly #timeline: Timeline;
  readonly #members = new Map<string, { redisOkSince: number | null; seenAt: number }>();
  #mode: 'redis' | 'shares' = 'redis';
  #names: readonly string[] = [];
  #changedAt = -10_000;
  epoch = 1;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  beat(name: string, redisOk: boolean): { group: RateGroupState; live: LiveMember[] } {
    const now = this.#timeline.now;
    const since = redisOk ? (this.#members.get(name)?.redisOkSince ?? now) : null;
    this.#members.set(name, { redisOkSince: since, seenAt: now });
    const live = [...this.#members]
      .filter(([, one]) => one.seenAt > now - MEMBER_GONE_MS)
      .map(([member, one]) => {
        return { name: member, redisOkMs: one.redisOkSince === null ? null : now - one.redisOkSince };
      })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return { group: this.#state(), live };
  }

  change(
    from: number,
    to: { readonly mode: 'redis' | 'shares'; readonly members: readonly string[] },
  ): RateGroupState | undefined {
    if (from !== this.epoch) return undefined;
    this.epoch += 1;
    this.#mode = to.mode;
    this.#names = to.members;
    this.#changedAt = this.#timeline.now;
    return this.#state();
  }

  leave(name: string): void {
    this.#members.delete(name);
  }

  #state(): RateGroupState {
    const ageMs = this.#timeline.now - this.#changedAt;
    return { mode: this.#mode, epoch: this.epoch, members: this.#names, ageMs };
  }
}

export function rateGroupOver(
  server: {
    readonly rows: RateGroupRows;
    readonly redis: Redis;
    readonly timeline: Timeline;
    readonly random: Random;
    readonly weather: Weather;
  },
  host: Host,
): RateGroupStore {
  const { rows } = server;
  const deaf: Weather = { ...calm(), awayUntil: Number.POSITIVE_INFINITY };
  const weatherNow = (): Weather =>
    server.timeline.now < (server.redis.deaf.get(host.name) ?? 0) ? deaf : server.weather;
  return {
    beat: (name, ok) => call(server, host, weatherNow(), async () => rows.beat(name, ok)),
    change: (from, to) => call(server, host, weatherNow(), async () => rows.change(from, to)),
    leave: (name) => call(server, host, weatherNow(), async () => rows.leave(name)),
  };
}
