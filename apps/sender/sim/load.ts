import { createHash } from 'node:crypto';
import {
  encodeEvent,
  encodeHeaders,
  joinMessageId,
  partitionFor,
  type SendRedrive,
  type SendRequested,
} from '@mersal/contracts';
import type { OutRecord } from '@mersal/kafka';
import type { MemoryLedger } from '@mersal/ledger/memory';
import { EPOCH_MS } from './host.js';
import type { Kafka } from './kafka.js';
import { short } from './ledger-server.js';
import type { Plan, TenantPlan } from './plan.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

export const FROM = 'whatsapp:+14155238886';

export interface Posted {
  readonly u: string;
  readonly id: string;
  readonly tenant: TenantPlan;
  readonly conversation: string;
  readonly priority: number;
  /** It has no place in the order of acceptance: it gets one later. */
  placeless: boolean;
  /** When a cancel was answered with success, on the timeline. */
  cancelledAt: number | undefined;
}

/** What callers and operators do: posts, repeats, cancels, redrives, discards, retries, and records that nobody should have published. */
export class Load {
  readonly posted: Posted[] = [];
  /** Records that can't be filed, as they were. */
  readonly poison: Buffer[] = [];
  readonly #plan: Plan;
  readonly #kafka: Kafka;
  readonly #ledger: MemoryLedger;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #tell: (who: string, what: string) => void;

  constructor(options: {
    readonly plan: Plan;
    readonly kafka: Kafka;
    readonly ledger: MemoryLedger;
    readonly timeline: Timeline;
    readonly random: Random;
    readonly tell: (who: string, what: string) => void;
  }) {
    this.#plan = options.plan;
    this.#kafka = options.kafka;
    this.#ledger = options.ledger;
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#tell = options.tell;
  }

  start(): void {
    const { messages, loadMs, tenants, theme } = this.#plan;
    const random = this.#random;
    for (let n = 1; n <= messages; n += 1) {
      // A neighbour that posts most of it, in a third of the runs.
      const tenant = random.chance(messages % 3 === 0 ? 0.6 : 0) ? tenants[0] : random.pick(tenants);
      if (tenant) this.#timeline.after(random.between(0, loadMs), () => this.#post(n, tenant));
    }
    if (theme === 'nothing') return;
    if (random.chance(0.2))
      for (let n = 0; n < 2; n += 1) this.#timeline.after(random.between(0, loadMs), () => this.#poison(n));
  }

  #post(n: number, tenant: TenantPlan): void {
    const random = this.#random;
    const u = createHash('sha256').update(`${n}`).digest('hex').slice(0, 28) + String(n).padStart(4, '0');
    const lane = random.whole(1, tenant.lanes);
    const now = Math.round(EPOCH_MS + this.#timeline.now);
    const scheduled = random.chance(0.08);
    const text = random.chance(0.1) ? 'your order is ready' : `order ${n}`;
    const priority = random.chance(0.3) ? random.whole(0, 10) : 5;
    const data: SendRequested = {
      restaurantId: tenant.restaurantId,
      messageId: joinMessageId(u, '1aaaaaaaaaaaa'),
      conversationId: `table-${lane}`,
      to: `whatsapp:+96650000${tenant.id}${String(lane).padStart(3, '0')}`,
      from: FROM,
      content: { kind: 'text', text },
      priority,
      acceptedAt: now,
      bodyHash: createHash('sha256').update(text).digest('hex'),
      ...(scheduled ? { sendAt: now + random.whole(500, 8_000) } : {}),
      ...(random.chance(0.08) ? { expiresAt: now + random.whole(300, 20_000) } : {}),
    };
    const record = recordOf(data, this.#kafka);
    const posted: Posted = {
      u,
      id: data.messageId,
      tenant,
      conversation: data.conversationId,
      priority,
      placeless: scheduled,
      cancelledAt: undefined,
    };
    this.posted.push(posted);
    this.#tell(
      'api',
      `accepts ${short(u)} of ${tenant.restaurantId}/${data.conversationId} priority ${priority}`,
    );
    this.#kafka.append(record);
    if (random.chance(0.06)) this.#timeline.after(random.between(0, 8_000), () => this.#kafka.append(record));
    if (random.chance(0.05)) this.#timeline.after(random.between(0, 5_000), () => this.#cancel(posted));
    if (this.#plan.theme !== 'nothing' && random.chance(0.3))
      this.#timeline.after(random.between(2_000, 30_000), () => void this.#redrive(posted));
    if (this.#plan.theme !== 'nothing' && random.chance(0.1))
      this.#timeline.after(random.between(1_000, 20_000), () => void this.#retryNow(posted));
  }

  #cancel(posted: Posted): void {
    void this.#ledger.cancel(posted.tenant.id, posted.u, '1aaaaaaaaaaaa').then((result) => {
      this.#tell('api', `cancels ${short(posted.u)}: ${result}`);
      if (result === 'cancelled') posted.cancelledAt = this.#timeline.now;
    });
  }

  async #redrive(posted: Posted): Promise<void> {
    const view = await this.#ledger.readMessage(posted.tenant.id, posted.u);
    if (view?.status !== 'dead') return;
    const random = this.#random;
    if (random.chance(0.1)) {
      const letter = { kind: 'message' as const, tenant: posted.tenant.id, u: posted.u };
      this.#tell('api', `discards ${short(posted.u)}`);
      await this.#ledger.discardDead([letter]);
      // Whoever does not know of it asks for it all the same.
      if (random.chance(0.5)) return;
    }
    posted.placeless = true;
    this.#tell('api', `redrives ${short(posted.u)}`);
    const priority = random.pick([undefined, 0, random.whole(0, 10)]);
    const data = {
      restaurantId: posted.tenant.restaurantId,
      messageId: posted.id,
      redrive: view.redrive,
      requestedBy: 'operator',
      ...(priority === undefined ? {} : { priority }),
    };
    const publish = (): void => this.#publishRedrive(data);
    publish();
    if (random.chance(0.3)) this.#timeline.after(random.between(0, 20_000), publish);
  }

  async #retryNow(posted: Posted): Promise<void> {
    if (await this.#ledger.retryNow(posted.tenant.id, posted.u))
      this.#tell('api', `has ${short(posted.u)} tried at once`);
  }

  #publishRedrive(data: SendRedrive): void {
    this.#kafka.append({
      topic: this.#kafka.topics.retry,
      partition: partitionFor(data.restaurantId, this.#kafka.partitions),
      key: data.restaurantId,
      value: encodeEvent('mersal.send.redrive.v1', data),
      headers: headersOf('mersal.send.redrive.v1', `${data.messageId}/${data.redrive}/redrive`),
    });
  }

  #poison(n: number): void {
    const value = Buffer.from(`not json ${n}`);
    this.poison.push(value);
    this.#kafka.append({
      topic: this.#kafka.topics.send,
      partition: this.#random.whole(0, this.#kafka.partitions - 1),
      key: null,
      value,
      headers: n === 0 ? {} : headersOf('mersal.send.requested.v1', `poison-${n}`),
    });
  }
}

function recordOf(data: SendRequested, kafka: Kafka): OutRecord {
  return {
    topic: kafka.topics.send,
    partition: partitionFor(data.restaurantId, kafka.partitions),
    key: data.restaurantId,
    value: encodeEvent('mersal.send.requested.v1', data),
    headers: headersOf('mersal.send.requested.v1', data.messageId),
  };
}

export function headersOf(type: string, id: string): Record<string, string> {
  return encodeHeaders({ id, type, source: 'sim', time: EPOCH_MS });
}
