import type { TopicNames } from '@mersal/contracts';
import { Releases } from '@mersal/lifecycle';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { TwilioGateway } from '@mersal/twilio-gateway';
import { assemble, type Sender } from '../src/assemble.js';
import type { ConsumerMember } from './consumer-member.js';
import { Host } from './host.js';
import type { Kafka } from './kafka.js';
import { ledgerOver, type LedgerServer } from './ledger-server.js';
import { call } from './network.js';
import type { Plan } from './plan.js';
import type { Provider } from './provider.js';
import { rateGroupOver, type RateGroupRows, type Redis, redisRateOver } from './rate-server.js';
import type { Story } from './story.js';
import { keyedRate } from './keyed-rate.js';

export interface Surroundings {
  readonly plan: Plan;
  readonly server: LedgerServer;
  readonly kafka: Kafka;
  readonly provider: Provider;
  readonly redis: Redis;
  readonly rateRows: RateGroupRows;
  readonly story: Story;
  readonly topics: TopicNames;
  /** Log lines of the senders go to the story. */
  readonly verbose: boolean;
  /** A bug put in on purpose. */
  readonly gateway?: (gateway: TwilioGateway) => TwilioGateway;
  readonly claimAgeMs: number | undefined;
  readonly fatal: (who: string, error: unknown) => void;
}

const metrics: Metrics = { count: () => undefined, observe: () => undefined, gauge: () => undefined };

/** One sender's process: the production assembly on simulated ports, from start to death. */
export class SenderProcess {
  readonly host: Host;
  readonly #world: Surroundings;
  readonly #releases = new Releases();
  #sender: Sender | undefined;
  #consumer: ConsumerMember | undefined;

  constructor(name: string, world: Surroundings) {
    this.#world = world;
    this.host = new Host(name, world.server.timeline, world.server.random.fork());
    this.host.onDeath(() => {
      world.story.tell(name, 'dies');
      if (this.#consumer) world.kafka.silent(this.#consumer, world.server.random.between(3_000, 10_000));
    });
  }

  get sender(): Sender | undefined {
    return this.#sender;
  }

  /** One that can't start dies, as the process would. */
  start(): void {
    const { host } = this;
    const { plan, server, kafka, provider, rateRows, topics, story } = this.#world;
    story.tell(host.name, 'starts');
    const perSecond = plan.perSecond;
    const sender = assemble(
      {
        process: host.name,
        ledger: ledgerOver(server, host),
        tenants: {
          named: (ids) => call(server, host, server.weather, async () => server.ledger.readTenants(ids)),
          changedSince: (since, most) =>
            call(server, host, server.weather, async () => server.ledger.readChangedTenants(since, most)),
        },
        gateway: this.#world.gateway?.(provider.gatewayOf(host)) ?? provider.gatewayOf(host),
        publisher: kafka.publisherOf(host),
        logs: kafka.logsFor(host),
        consumer: () => consumer,
        rate:
          perSecond === undefined
            ? undefined
            : {
                store: rateGroupOver({ ...server, rows: rateRows, redis: this.#world.redis }, host),
                ...redisRateOver({ ...server, redis: this.#world.redis }, host, perSecond),
                perSecond,
              },
        keyedRate: keyedRate(() => host.clock.now()),
        clock: host.clock,
        random: server.random.next,
        logger: this.#logger(),
        metrics,
        fail: (error) => this.#world.fatal(host.name, error),
      },
      {
        topics,
        partitions: plan.partitions,
        INSTANCE: host.name,
        PUBLIC_URL: 'https://mersal.invalid',
        TENANT_CONCURRENCY: plan.concurrency,
        TENANT_RATE_PER_SECOND: null,
        SENDER_RATE_PER_SECOND: null,
        QUEUE_RETRY_ATTEMPTS: plan.attempts,
        QUEUE_BACKOFF_DELAY: plan.backoffMs,
        TWILIO_TIMEOUT_MS: plan.timeoutMs,
        TWILIO_CONNECT_TIMEOUT_MS: 800,
        TWILIO_MAX_SOCKETS: plan.sockets,
        RECONCILE_GRACE_MS: plan.graceMs,
        RECONCILE_PAUSE_MS: plan.pauseMs,
        ...(this.#world.claimAgeMs === undefined ? {} : { claimAgeMs: this.#world.claimAgeMs }),
      },
    );
    const consumer = kafka.consumerOf(host, sender.handlers);
    this.#sender = sender;
    this.#consumer = consumer;
    sender.start(this.#releases).then(
      () => {
        if (host.isDead) return;
        consumer.start();
        sender.commits.start();
      },
      () => host.crash(),
    );
  }

  /** As on SIGTERM: drains, and is gone. */
  stop(): void {
    const { story } = this.#world;
    story.tell(this.host.name, 'is told to stop');
    const drained = (this.#sender?.commits.stop() ?? Promise.resolve())
      .then(() => this.#consumer?.close())
      .then(() => this.#releases.run());
    drained.then(
      () => this.host.crash(),
      (error: unknown) => this.#world.fatal(this.host.name, error),
    );
  }

  freeze(ms: number): void {
    this.#world.story.tell(this.host.name, `is frozen for ${Math.round(ms)} ms`);
    this.host.freeze(ms);
    const session = this.#world.server.random.between(3_000, 10_000);
    if (this.#consumer && ms > session) this.#world.kafka.silent(this.#consumer, session);
  }

  #logger(): Logger {
    const { story, verbose } = this.#world;
    const line =
      (level: string) =>
      (fields: { err?: unknown }, message: string): void => {
        const cause = fields.err instanceof Error ? `: ${fields.err.message}` : '';
        if (verbose) story.tell(this.host.name, `${level} ${message}${cause}`);
      };
    return {
      debug: () => undefined,
      info: line('·'),
      warn: line('!'),
      error: line('!!'),
    } as unknown as Logger;
  }
}
