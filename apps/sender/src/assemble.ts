import type { TopicNames } from '@mersal/contracts';
import {
  CLAIM_AGE_MS,
  type Clock,
  createDelivery,
  leaseMs,
  NumberPace,
  RateGroup,
  type RateGroupParts,
  releaseClaim,
  SettleQueue,
  Templates,
  type TemplateStore,
  TenantPace,
} from '@mersal/delivery';
import type { ConsumerOptions, KafkaAdmin, PartitionConsumer, Publisher } from '@mersal/kafka';
import { Breakers, LimitWatch, MAX_AGE_MS } from '@mersal/lanes';
import type { Ledger } from '@mersal/ledger';
import type { Releases } from '@mersal/lifecycle';
import { createUnlimitedRate, type KeyedRate } from '@mersal/limits';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { TwilioGateway } from '@mersal/twilio-gateway';
import { Admission } from './admission/admission.js';
import { createCallbackRule } from './admission/callback-rule.js';
import { OffsetCommits } from './admission/offset-commits.js';
import { Dispatch } from './dispatch/dispatch.js';
import { Engine } from './dispatch/engine.js';
import { Gate } from './dispatch/gate.js';
import { OutboxPublisher } from './outbox/outbox-publisher.js';
import { OwnedPartitions } from './ownership/owned-partitions.js';
import { Takeover } from './ownership/takeover.js';
import { Reconciliation } from './reconcile/reconcile.js';
import type { Settings } from './settings.js';
import { TenantDirectory } from './tenants/tenant-directory.js';
import type { TenantSource } from './tenants/tenant-source.js';
import { Upkeep } from './upkeep/upkeep.js';
import { VitalSigns } from './upkeep/vital-signs.js';

/** All that a sender reaches the world through. */
export interface Ports {
  /** What this process is called: another name with each, also where one is started again. */
  readonly process: string;
  readonly ledger: Ledger;
  readonly tenants: TenantSource;
  readonly gateway: TwilioGateway;
  /** Where SIDs of named templates are remembered beyond this process. */
  readonly templateStore?: TemplateStore;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly logs: Pick<KafkaAdmin, 'watermarks'>;
  /** Of the consumer that this sender's handlers are given to: asked for once it runs. */
  readonly consumer: () => Pick<PartitionConsumer, 'seek' | 'commit'>;
  /** Undefined: no global rate is kept. */
  readonly rate: Pick<RateGroupParts, 'store' | 'redisRate' | 'ping' | 'perSecond'> | undefined;
  /** Rates of restaurants and of their numbers. */
  readonly keyedRate: KeyedRate;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The sender can't go on: end the process. */
  readonly fail: (error: unknown) => void;
}

export type SenderOptions = {
  readonly topics: TopicNames;
  readonly partitions: number;
  /** A claim may be this old when its request is written, in ms. */
  readonly claimAgeMs?: number;
} & Pick<
  Settings,
  | 'INSTANCE'
  | 'PUBLIC_URL'
  | 'TENANT_CONCURRENCY'
  | 'TENANT_RATE_PER_SECOND'
  | 'SENDER_RATE_PER_SECOND'
  | 'QUEUE_RETRY_ATTEMPTS'
  | 'QUEUE_BACKOFF_DELAY'
  | 'TWILIO_TIMEOUT_MS'
  | 'TWILIO_CONNECT_TIMEOUT_MS'
  | 'TWILIO_MAX_SOCKETS'
  | 'RECONCILE_GRACE_MS'
  | 'RECONCILE_PAUSE_MS'
>;

export interface Sender {
  /** For the consumer. */
  readonly handlers: Pick<ConsumerOptions, 'onAssigned' | 'onRevoked' | 'onBatch'>;
  readonly owned: OwnedPartitions;
  readonly dispatch: Dispatch;
  readonly engine: Engine;
  readonly breakers: Breakers;
  /** 1: in shares, 0: through Redis; null: no global rate is kept, or not known how yet. */
  sharesRate(): number | null;
  suspendedRestaurants(): number;
  /** To be started once the consumer runs, and stopped before it is closed. */
  readonly commits: OffsetCommits;
  /** Reads the restaurants and begins to work; registers how to stop what it started. */
  start(releases: Releases): Promise<void>;
}

/** Puts the sender together from its ports: what runs in production and in the simulation alike. */
export function assemble(ports: Ports, options: SenderOptions): Sender {
  const { ledger, gateway, clock, random, logger, metrics, fail } = ports;
  const { topics, partitions, INSTANCE: member, TENANT_CONCURRENCY: concurrency } = options;
  const policy = {
    attempts: options.QUEUE_RETRY_ATTEMPTS,
    backoffMs: options.QUEUE_BACKOFF_DELAY,
    maxAgeMs: MAX_AGE_MS,
  };
  const now = (): number => clock.now();

  const connectTimeoutMs = options.TWILIO_CONNECT_TIMEOUT_MS;
  const group =
    ports.rate && new RateGroup({ ...ports.rate, connectTimeoutMs, name: ports.process, clock, logger });
  const tenants = new TenantDirectory(ports.tenants);
  tenants.onChange(({ restaurantId, unopened }) => {
    if (unopened)
      logger.error(
        { code: unopened, restaurant: restaurantId },
        `restaurant ${restaurantId}: its credentials do not open with CREDENTIALS_KEY or CREDENTIALS_KEYS_OLD; its messages wait until they are saved anew or the key is given`,
      );
  });
  const owned = new OwnedPartitions();
  const dispatch = new Dispatch({ ledger, tenants, owned, concurrency, clock });
  const to = { topics, partitions, source: `sender/${member}` };
  const outbox = new OutboxPublisher({
    ledger,
    publisher: ports.publisher,
    owned,
    to,
    clock,
    logger,
    metrics,
  });

  const seek = (topic: string, partition: number, offset: bigint): void =>
    ports.consumer().seek(topic, partition, offset);
  const takeover = new Takeover({
    ledger,
    logs: ports.logs,
    topics,
    partitions,
    owned,
    dispatch,
    member,
    seek,
    clock,
    logger,
  });
  const settlements = new SettleQueue(ledger, {
    retryMs: 250,
    clock,
    onError: (error) => logger.warn({ err: error }, 'settlements wait for the ledger'),
  });
  const breakers = new Breakers();
  const limits = new LimitWatch();
  const by = {
    policy,
    random,
    limitOf: ({ sender, recipient }: { sender: string; recipient: string }) =>
      limits.hit(sender, recipient, clock.now()),
  };
  const templates = new Templates({
    gateway,
    now,
    ...(ports.templateStore ? { store: ports.templateStore } : {}),
    onTrouble: (error) => logger.warn({ err: error }, 'the template cache could not be used'),
  });
  const deliver = createDelivery({
    through: 'queue',
    gateway,
    templates,
    settlements,
    breakers,
    by,
    numbers: numberPace(ports, options),
    publicUrl: options.PUBLIC_URL,
    claimAgeMs: options.claimAgeMs ?? CLAIM_AGE_MS,
    clock,
    logger,
    metrics,
  });
  const pace = new TenantPace({
    rate: ports.keyedRate,
    perSecondOf: (tenant) => tenants.byId(tenant)?.ratePerSecond ?? options.TENANT_RATE_PER_SECOND,
    clock,
  });
  const engine = new Engine({
    ledger,
    dispatch,
    owned,
    tenants,
    rate: group ?? createUnlimitedRate(now),
    gate: new Gate({ dispatcher: dispatch.dispatcher, tenants, breakers, pace, clock }),
    breakers,
    deliver,
    release: async (claim) => ({
      ...(await settlements.settle(releaseClaim(claim, clock.wall()))),
      released: true,
    }),
    onSettled: outbox.hint,
    onFenced: takeover.onFenced,
    onRateEpoch: () => group?.refresh() ?? Promise.resolve(),
    onFatal: fail,
    limits: { leaseMs: leaseMs(options), concurrency },
    sockets: options.TWILIO_MAX_SOCKETS,
    clock,
    logger,
    metrics,
  });

  const reconciliation = new Reconciliation({
    ledger,
    gateway,
    tenants,
    owned,
    dispatch,
    breakers,
    policy,
    graceMs: options.RECONCILE_GRACE_MS,
    pauseMs: options.RECONCILE_PAUSE_MS,
    clock,
    random,
    logger,
    metrics,
  });
  const upkeep = new Upkeep({
    ledger,
    dispatch,
    owned,
    tenants,
    reconcile: reconciliation.run,
    outboxFilled: outbox.hint,
    onFenced: takeover.onFenced,
    vitals: new VitalSigns({ ledger, clock, metrics }),
    onFatal: fail,
    clock,
    logger,
  });

  const commits = new OffsetCommits((offsets) => ports.consumer().commit(offsets), clock, logger);
  const admission = new Admission({
    ledger,
    reader: ports.process,
    tenants,
    owned,
    dispatch,
    topics,
    partitions,
    callbackRule: createCallbackRule({ ...by, now: () => clock.wall() }),
    templates,
    seek,
    commit: commits.note,
    outboxFilled: outbox.hint,
    onFenced: takeover.onFenced,
    logger,
    metrics,
  });

  return {
    handlers: {
      onAssigned: takeover.onAssigned,
      onRevoked: takeover.onRevoked,
      onBatch: admission.onBatch,
    },
    owned,
    dispatch,
    engine,
    breakers,
    commits,
    sharesRate: () => (!group || group.mode === 'unknown' ? null : Number(group.mode === 'shares')),
    suspendedRestaurants: () => tenants.suspendedIn(owned.numbers),
    async start(releases) {
      if (group) {
        await group.start();
        releases.push('rate group', () => group.stop());
      }
      await tenants.refresh();
      outbox.start();
      releases.push('outbox', () => outbox.stop());
      engine.start();
      releases.push('engine', () => engine.stop());
      upkeep.start();
      releases.push('upkeep', () => upkeep.stop());
    },
  };
}

/** The rate of a sender number, where it is below the global one: else that one keeps it. */
function numberPace(ports: Ports, options: SenderOptions): NumberPace | undefined {
  const perSecond = options.SENDER_RATE_PER_SECOND;
  const global = ports.rate?.perSecond ?? Number.POSITIVE_INFINITY;
  return perSecond !== null && perSecond < global
    ? new NumberPace({ rate: ports.keyedRate, perSecond, clock: ports.clock })
    : undefined;
}
