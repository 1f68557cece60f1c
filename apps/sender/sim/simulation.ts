import { encodeEvent, partitionFor, topicNames } from '@mersal/contracts';
import { createMemoryLedger } from '@mersal/ledger/memory';
import { startFaults } from './faults.js';
import { FenceWatch } from './fence-watch.js';
import { EPOCH_MS } from './host.js';
import { accountOf, isOver, judge, statusesOf } from './judge.js';
import { Kafka } from './kafka.js';
import type { LedgerServer } from './ledger-server.js';
import { headersOf, Load } from './load.js';
import { calm } from './network.js';
import { drawPlan, type Plan, type Theme } from './plan.js';
import { Provider, type StatusReport } from './provider.js';
import { Random } from './random.js';
import { RateGroupRows, type Redis } from './rate-server.js';
import { SenderProcess, type Surroundings } from './sender-process.js';
import { Story } from './story.js';
import { Timeline } from './timeline.js';
import { ClaimWatch } from './watch.js';
import type { Plant } from './plants.js';

export interface RunOptions {
  readonly seed: number;
  /** Keeps the story, with the senders' own log lines. */
  readonly trace?: boolean;
  /** Instead of the one that the seed draws. */
  readonly theme?: Theme | undefined;
  /** A bug put in on purpose. */
  readonly plant?: Plant;
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Equal for equal runs. */
  readonly digest: string;
  readonly story: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
  readonly messages: number;
  readonly requests: number;
}

/** Patience after the last fault, in ms: leases, the wait for a dead sender, and every retry. */
const PATIENCE_MS = 400_000;
/** Everything must stay as it is for so long, in ms. */
const QUIET_MS = 3_000;

/** One run: everything in it follows from its seed. */
export async function simulate(options: RunOptions): Promise<RunResult> {
  const random = new Random(options.seed);
  const plan = drawPlan(random, options.theme);
  const timeline = new Timeline();
  const story = new Story(timeline, options.trace === true);
  const tell = (who: string, what: string): void => story.tell(who, what);
  const violations: string[] = [];
  const topics = topicNames();
  const rateRows = new RateGroupRows(timeline);
  const ledger = createMemoryLedger({
    partitions: plan.partitions,
    clock: () => EPOCH_MS + timeline.now,
  });
  ledger.onRateEpoch(() => rateRows.epoch);
  const watch = new ClaimWatch(plan, ledger, timeline);
  const partitions = new Map(
    plan.tenants.map(({ id, restaurantId }) => [id, partitionFor(restaurantId, plan.partitions)]),
  );
  const fences = new FenceWatch((tenant) => partitions.get(tenant));
  const server: LedgerServer = {
    ledger: options.plant?.ledger?.(ledger) ?? ledger,
    weather: calm(),
    lostSettlements: 0,
    timeline,
    random: random.fork(),
    tell,
    fences,
    onClaims: (claims) => watch.claimed(claims),
  };
  const kafka = new Kafka({ topics, partitions: plan.partitions, timeline, random: random.fork(), tell });
  const provider = new Provider({
    timeline,
    random: random.fork(),
    timeoutMs: plan.timeoutMs,
    tell,
    report: (report) => receive(kafka, report, timeline),
  });
  Object.assign(provider.weather, plan.provider);
  const redis: Redis = { log: undefined, away: new Map(), deaf: new Map() };
  const saveTenants = (token: string): void => {
    for (const { id, restaurantId, concurrency, onDead } of plan.tenants) {
      const accountSid = accountOf(id);
      const partition = partitionFor(restaurantId, plan.partitions);
      provider.credentials.set(accountSid, token);
      ledger.saveTenant({ id, restaurantId, partition, accountSid, authToken: token, concurrency, onDead });
    }
  };
  saveTenants('first');

  const surroundings: Surroundings = {
    plan,
    server,
    kafka,
    provider,
    redis,
    rateRows,
    story,
    topics,
    verbose: options.trace === true,
    fatal: (who, error) => {
      violations.push(
        `${who} ended: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    },
    claimAgeMs: options.plant?.claimAgeMs,
    ...(options.plant?.gateway ? { gateway: options.plant.gateway } : {}),
  };
  const senders: SenderProcess[] = [];
  const startSender = (): void => {
    if (senders.filter((sender) => !sender.host.isDead).length >= 4) return;
    const sender = new SenderProcess(`s${senders.length + 1}`, surroundings);
    senders.push(sender);
    sender.start();
  };
  for (let n = 0; n < plan.senders; n += 1) timeline.after(n * 50, startSender);
  // Somebody starts what died, after a while.
  const supervise = (): void => {
    timeline.after(random.between(500, 4_000), () => {
      if (senders.filter((sender) => !sender.host.isDead).length < plan.senders) startSender();
      supervise();
    });
  };
  supervise();

  const load = new Load({ plan, kafka, ledger, timeline, random: random.fork(), tell });
  load.start();
  startFaults({
    plan,
    server,
    kafka,
    redis,
    story,
    random: random.fork(),
    senders: () => senders,
    startSender,
  });
  timeline.after(plan.healAt, () => {
    tell('sim', 'heals everything');
    heal(server, kafka, provider, redis, timeline);
    saveTenants('second');
  });

  const onRejection = (error: unknown): void => surroundings.fatal('somebody', error);
  process.on('unhandledRejection', onRejection);
  try {
    await timeline.run(plan.healAt + 1);
    await untilOver({ plan, timeline, load, ledger, kafka, provider, violations });
  } catch (error) {
    violations.push(
      `the run failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
  // Node tells of rejections that nobody handled once it has nothing else to do.
  await new Promise((next) => setImmediate(next));
  process.off('unhandledRejection', onRejection);
  violations.push(...watch.violations, ...fences.violations, ...boundedHeads(plan, senders));
  violations.push(...(await judge({ plan, load, provider, ledger, kafka })));
  return {
    seed: options.seed,
    violations,
    digest: story.digest,
    story: story.lines,
    steps: timeline.steps,
    virtualMs: timeline.now,
    messages: load.posted.length,
    requests: provider.requests.length,
  };
}

function heal(
  server: LedgerServer,
  kafka: Kafka,
  provider: Provider,
  redis: Redis,
  timeline: Timeline,
): void {
  Object.assign(server.weather, { ...calm(), awayUntil: timeline.now });
  server.lostSettlements = 0;
  Object.assign(kafka.weather, {
    loses: 0,
    lands: 0,
    doubles: 0,
    untold: 0,
    astray: 0,
    awayUntil: timeline.now,
  });
  redis.away.clear();
  redis.deaf.clear();
  Object.assign(provider.weather, {
    fates: [['accepted', 1]],
    sequels: [
      ['silent', 1],
      ['delivered', 1],
    ],
    listFails: 0,
    listLagMs: 0,
  });
}

/** Until all messages are over and stay so; an operator lets held conversations go on meanwhile. */
async function untilOver(world: {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly load: Load;
  readonly ledger: ReturnType<typeof createMemoryLedger>;
  readonly kafka: Kafka;
  readonly provider: Provider;
  readonly violations: string[];
}): Promise<void> {
  const { plan, timeline, load, ledger, kafka, violations } = world;
  const deadline = plan.healAt + PATIENCE_MS;
  const partitions = Array.from({ length: plan.partitions }, (_, p) => p);
  let quietSince: number | undefined;
  while (timeline.now < deadline) {
    await timeline.run(timeline.now + 1_000);
    const statuses = await statusesOf(load.posted, ledger);
    for (const { restaurantId } of plan.tenants) {
      const [tenant] = ledger.readTenants([restaurantId]);
      if (tenant?.status !== 'suspended') continue;
      // Whatever refused it, it refused credentials that it has no more.
      violations.push(`suspended: ${restaurantId} is suspended although its credentials were changed`);
      ledger.saveTenant({ ...tenant, status: 'active' });
    }
    await decideUnknown(world);
    for (const { id, u, tenant } of load.posted)
      if (statuses.get(id) === 'dead' || statuses.get(id) === 'unknown')
        await ledger.releaseHeld(tenant.id, u);
    const published = (await ledger.readOutbox(partitions, 1)).length === 0;
    const filed = (await ledger.readDeadRecords(partitions, 1)).length === 0;
    // A record that nobody could read is no message that is waited for.
    const read = await Promise.all(
      partitions.map(
        async (p) =>
          (await ledger.admittedOffset(p, 'send')) >= BigInt(kafka.log(kafka.topics.send, p).length),
      ),
    );
    if (!isOver(statuses) || !published || !filed || read.includes(false)) quietSince = undefined;
    else quietSince ??= timeline.now;
    if (quietSince !== undefined && timeline.now - quietSince >= QUIET_MS) return;
  }
}

/** An operator asks the provider about what could not be told, and decides. */
async function decideUnknown(world: {
  readonly load: Load;
  readonly ledger: ReturnType<typeof createMemoryLedger>;
  readonly provider: Provider;
}): Promise<void> {
  const { load, ledger, provider } = world;
  for (const { tenant, u, attempt, undecided } of await ledger.listUnknown(null, 100)) {
    if (!undecided) continue;
    const posted = load.posted.find((one) => one.u === u);
    if (posted) posted.placeless = true;
    const sid = provider.requests.find((one) => one.messageId === posted?.id && one.attempt === attempt)?.sid;
    await ledger.decideUnknown(tenant, u, sid === undefined ? 'not_sent' : 'sent', { sid, by: 'operator' });
  }
}

/** Invariant 8: no more heads in memory than there are conversations. */
function boundedHeads(plan: Plan, senders: readonly SenderProcess[]): string[] {
  const conversations = plan.tenants.reduce((sum, tenant) => sum + tenant.lanes, 0);
  return senders.flatMap(({ host, sender }) => {
    const size = sender?.dispatch.dispatcher.size ?? 0;
    return size > conversations
      ? [`memory: ${host.name} holds ${size} heads of ${conversations} conversations`]
      : [];
  });
}

/** A status callback arrives: what ingress makes of it. */
function receive(
  kafka: Kafka,
  { callbackUrl, sid, status, errorCode }: StatusReport,
  timeline: Timeline,
): void {
  const query = new URL(callbackUrl).searchParams;
  const restaurantId = query.get('restaurant') ?? '';
  const data = {
    restaurantId,
    messageId: query.get('message') ?? '',
    attempt: Number(query.get('attempt')),
    accountSid: query.get('account') ?? '',
    sid,
    status,
    receivedAt: Math.round(EPOCH_MS + timeline.now),
    ...(errorCode === undefined ? {} : { errorCode }),
  };
  kafka.append({
    topic: kafka.topics.callbacks,
    partition: partitionFor(restaurantId, kafka.partitions),
    key: restaurantId,
    value: encodeEvent('mersal.callback.received.v1', data),
    headers: headersOf('mersal.callback.received.v1', `${sid}/${status}`),
  });
}
