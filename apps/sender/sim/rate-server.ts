import type { RateGroupStore } from '@mersal/delivery';
import type { LiveMember, RateGroupState } from '@mersal/ledger';
import {
  ASK_AGAIN_MS,
  type GlobalRate,
  GRACE_MS,
  type Instant,
  LARGEST_UNCERTAINTY_MS,
  leadFor,
  logLimit,
  mostAtOnce,
  RateUnavailable,
  RemoteClock,
  SlidingLog,
} from '@mersal/limits';
import type { Host } from './host.js';
import { call, calm, type Weather } from './network.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

const MEMBER_GONE_MS = 5_000;

export interface Redis {
  /** Undefined: flushed. */
  log: SlidingLog | undefined;
  readonly away: Map<string, number>;
  /** Senders that can't read the rate group until then. */
  readonly deaf: Map<string, number>;
}

/** The global rate over a simulated Redis, as one sender reaches it. */
export function redisRateOver(
  world: { readonly timeline: Timeline; readonly random: Random; readonly redis: Redis },
  host: Host,
  perSecond: number,
): { readonly redisRate: GlobalRate; readonly ping: () => Promise<boolean> } {
  const { timeline, random, redis } = world;
  const limit = logLimit(perSecond);
  const reports: ((log: SlidingLog) => void)[] = [];
  const reachable = (): boolean => timeline.now >= (redis.away.get(host.name) ?? 0);
  const atOnce = mostAtOnce(perSecond);
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
    async reserve(most, readyInMs = 0) {
      const count = Math.max(1, Math.min(most, atOnce));
      const sentAt = host.clock.now();
      const over = connection;
      const told = reports.splice(0);
      const { given, time } = await command(() => {
        redis.log ??= new SlidingLog(limit, timeline.now);
        for (const tell of told) tell(redis.log);
        return { given: redis.log.reserve(timeline.now, count, leadFor(readyInMs)), time: timeline.now };
      });
      if (given.kind === 'wait')
        return { kind: 'wait', retryAt: sentAt + Math.max(1, given.next - time - ASK_AGAIN_MS) };
      if (over === connection) clock.note(sentAt, host.clock.now(), time);
      if (over !== connection || clock.uncertainty > LARGEST_UNCERTAINTY_MS) {
        for (const at of given.at) reports.push((log) => log.unused(at));
        return { kind: 'wait', retryAt: host.clock.now() };
      }
      const instants = given.at.map((instant): Instant => {
        const at = clock.toLocal(instant);
        return {
          at,
          isValid: (moment) => moment <= at + GRACE_MS && over === connection,
          written: (by) => {
            const latest = clock.toRemote(by);
            if (over === connection) reports.push((log) => log.written(instant, latest));
          },
          unused: () => void reports.push((log) => log.unused(instant)),
        };
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
