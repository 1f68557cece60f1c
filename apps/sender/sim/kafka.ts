import type { TopicNames } from '@mersal/contracts';
import { type InRecord, type OutRecord, PublishError, type Watermarks } from '@mersal/kafka';
import { ConsumerMember, type Handlers } from './consumer-member.js';
import { EPOCH_MS, type Host } from './host.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

export interface KafkaWeather {
  /** Publishing fails, and nothing landed. */
  loses: number;
  /** Publishing fails although the records landed. */
  lands: number;
  /** Records land twice. */
  doubles: number;
  /** A member is not told of a rebalance, or late. */
  untold: number;
  /** A reader goes back some records, or begins further on than it was told. */
  astray: number;
  awayUntil: number;
}

/** A log a partition, and a group of consumers whose former owners hear late of it, or never. */
export class Kafka {
  readonly topics: TopicNames;
  readonly partitions: number;
  readonly weather: KafkaWeather = { loses: 0, lands: 0, doubles: 0, untold: 0, astray: 0, awayUntil: 0 };
  readonly timeline: Timeline;
  readonly random: Random;
  readonly tell: (who: string, what: string) => void;
  readonly #logs = new Map<string, InRecord[]>();
  readonly #members = new Map<string, ConsumerMember>();
  #generation = 0;
  #rebalancing: (() => void) | undefined;

  constructor(options: {
    readonly topics: TopicNames;
    readonly partitions: number;
    readonly timeline: Timeline;
    readonly random: Random;
    readonly tell: (who: string, what: string) => void;
  }) {
    this.topics = options.topics;
    this.partitions = options.partitions;
    this.timeline = options.timeline;
    this.random = options.random;
    this.tell = options.tell;
  }

  get isAway(): boolean {
    return this.timeline.now < this.weather.awayUntil;
  }

  log(topic: string, partition: number): InRecord[] {
    const id = `${topic}/${partition}`;
    let log = this.#logs.get(id);
    if (!log) this.#logs.set(id, (log = []));
    return log;
  }

  append(record: OutRecord): void {
    const log = this.log(record.topic, record.partition);
    const headers: Record<string, Buffer> = {};
    for (const [name, value] of Object.entries(record.headers)) headers[name] = Buffer.from(value);
    log.push({
      offset: BigInt(log.length),
      key: record.key === null ? null : Buffer.from(record.key),
      value: record.value,
      headers,
      timestamp: EPOCH_MS + this.timeline.now,
    });
    for (const member of this.#members.values()) member.appended(record.topic, record.partition);
  }

  /** What a host publishes through. */
  publisherOf(host: Host): { publish(records: readonly OutRecord[]): Promise<void> } {
    const { timeline, random, weather } = this;
    return {
      publish: (records) =>
        new Promise((resolve, reject) => {
          if (!host.leaves()) return;
          const fail = (): void =>
            reject(new PublishError('publish_timeout', 'unknown', 'not acknowledged (simulated)'));
          if (this.isAway || random.chance(weather.loses)) {
            host.deliver(random.between(10, 2_000), fail);
            return;
          }
          const unheard = random.chance(weather.lands);
          timeline.after(random.between(0.5, 8), () => {
            const twice = random.chance(weather.doubles);
            for (const record of records) this.append(record);
            if (twice) for (const record of records) this.append(record);
            host.deliver(random.between(0, unheard ? 2_000 : 3), unheard ? fail : resolve);
          });
        }),
    };
  }

  logsFor(host: Host): { watermarks(topic: string): Promise<ReadonlyMap<number, Watermarks>> } {
    return {
      watermarks: (topic) =>
        new Promise((resolve, reject) => {
          if (!host.leaves()) return;
          host.deliver(this.random.between(0.5, 4), () => {
            if (this.isAway) {
              reject(new Error('Kafka is away (simulated)'));
              return;
            }
            const marks = new Map<number, Watermarks>();
            for (let p = 0; p < this.partitions; p += 1)
              marks.set(p, { low: 0n, high: BigInt(this.log(topic, p).length) });
            resolve(marks);
          });
        }),
    };
  }

  consumerOf(host: Host, handlers: Handlers): ConsumerMember {
    return new ConsumerMember(this, host, handlers);
  }

  // --- the group ---

  join(member: ConsumerMember): void {
    this.#members.set(member.host.name, member);
    this.rebalanceSoon();
  }

  /** It said so, or its session is over. */
  leave(member: ConsumerMember): void {
    if (!this.#members.delete(member.host.name)) return;
    this.rebalanceSoon();
  }

  /** Its heartbeats stop: the group learns when the session's time is over. */
  silent(member: ConsumerMember, sessionMs: number): void {
    this.timeline.after(sessionMs, () => {
      if (!member.host.isDead && !member.host.isFrozen) return;
      this.leave(member);
      member.kicked();
    });
  }

  rebalanceSoon(): void {
    this.#rebalancing?.();
    this.#rebalancing = this.timeline.after(this.random.between(20, 300), () => {
      this.#rebalancing = undefined;
      this.#rebalance();
    });
  }

  #rebalance(): void {
    this.#generation += 1;
    const { random, weather } = this;
    const members = [...this.#members.values()];
    // A member that does not answer the call to join in time is out until it comes again.
    const untold = members.filter(
      (member) =>
        member.host.isFrozen || (members.length > 1 && random.chance(weather.untold) && member.isIn),
    );
    const joined = members.filter((member) => !untold.includes(member));
    for (const member of untold) {
      this.#members.delete(member.host.name);
      member.missed(random.between(200, 9_000));
    }
    for (const member of joined) member.revokeIn(random.between(0, 30), 'rebalance');
    const order = random.shuffle(joined);
    const shares = new Map<ConsumerMember, number[]>(order.map((member) => [member, []]));
    for (let p = 0; p < this.partitions; p += 1) {
      const owner = order[p % Math.max(1, order.length)];
      if (owner) shares.get(owner)?.push(p);
    }
    for (const [member, partitions] of shares)
      member.assignIn(random.between(40, 400), this.#generation, partitions);
    this.tell(
      'kafka',
      `generation ${this.#generation}: ${[...shares].map(([m, p]) => `${m.host.name} ${p.join('+')}`).join(', ')}${untold.length > 0 ? `; untold ${untold.map((m) => m.host.name).join(', ')}` : ''}`,
    );
  }
}
