import type { IdKeys, SendRequested } from '@mersal/contracts';
import { PublishError, type Publisher } from '@mersal/kafka';
import type { Principal } from '@mersal/ledger';
import type { IntakeRate } from '@mersal/limits';
import { inSpan, type Logger, type Metrics, SpanKind, traceparentOf } from '@mersal/telemetry';
import { type Fault, Problem } from '../problems/problem.js';
import type { Restaurant, TenantDirectory } from '../tenants/tenant-directory.js';
import { sendRecord, toSendRequested } from './accepted-send.js';
import type { Idempotency } from './idempotency.js';
import { type Intake, takeIn } from './intake.js';
import { readSend } from './read-send.js';

export interface AcceptSendsOptions {
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly idempotency: Pick<Idempotency, 'agrees' | 'withdraw'>;
  readonly idKeys: IdKeys;
  /** Of each restaurant; undefined: unlimited. */
  readonly rate: IntakeRate | undefined;
  readonly topic: string;
  readonly partitions: number;
  readonly source: string;
  /** From the request's beginning to the answer, in ms. */
  readonly deadlineMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly wallClock: () => number;
}

/** What is left of the deadline for the answer itself, in ms. */
const ANSWER_MARGIN_MS = 50;

/**
 * A request's way to 202:
 *
 *   body ─► whose? ─► faults? ─► id ─► the key's earlier body? ─► the restaurant's rate ─► Kafka, acks=all ─► accepted
 *
 * Nothing is accepted that Kafka has not acknowledged. A repeat is published again: the first may never have got there.
 */
export class AcceptSends {
  readonly #options: AcceptSendsOptions;

  constructor(options: AcceptSendsOptions) {
    this.#options = options;
  }

  /** The send that a body asks for. Throws a Problem that says what is wrong with it. */
  async prepare(
    principal: Principal,
    raw: unknown,
    idempotencyKey: string | undefined,
  ): Promise<SendRequested> {
    const { restaurant, faults } = await this.#whose(principal, raw);
    const now = this.#options.wallClock();
    const read = readSend(raw, restaurant?.fromNumbers, now);
    const all = [...faults, ...(read.ok ? [] : read.faults)];
    if (!read.ok || restaurant === undefined || all.length > 0) {
      throw new Problem('validation_failed', { errors: all });
    }
    const send = toSendRequested(this.#options.idKeys, { restaurant, body: read.body, idempotencyKey, now });
    if (idempotencyKey !== undefined && !(await this.#options.idempotency.agrees(restaurant.id, send))) {
      throw new Problem('idempotency_key_reused');
    }
    return send;
  }

  /** Takes them from their restaurants' rates; throws a Problem where none is within. Those refused are to be sent anew. */
  async takeIn(sends: readonly SendRequested[]): Promise<Intake> {
    const intake = await takeIn(this.#options.rate, sends);
    for (const send of sends)
      if (intake.refused.has(send.restaurantId)) this.#options.idempotency.withdraw(send);
    if (intake.refusal !== undefined) throw intake.refusal;
    return intake;
  }

  /**
   * Resolves once all are in the log. Throws PublishError.
   *
   * @param beganAt when the request came, monotonic ms
   */
  async publish(sends: readonly SendRequested[], beganAt: number): Promise<void> {
    const { publisher, topic, metrics, logger, now } = this.#options;
    const publishing = now();
    const deadlineMs = Math.max(1, this.#options.deadlineMs - ANSWER_MARGIN_MS - (publishing - beganAt));
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.destination.name': topic,
      'messaging.batch.message_count': sends.length,
    };
    try {
      await inSpan(`${topic} publish`, { kind: SpanKind.PRODUCER, attributes }, (span) => {
        const traceparent = traceparentOf(span);
        const records = sends.map((send) => sendRecord(send, this.#options, traceparent));
        return publisher.publish(records, { deadlineMs });
      });
    } catch (error) {
      if (error instanceof PublishError) {
        metrics.count('mersal_publish_failures', { topic, code: error.code }, sends.length);
        if (error.accepted === false) for (const send of sends) this.#options.idempotency.withdraw(send);
      }
      throw error;
    }
    metrics.observe('mersal_publish_duration', (now() - publishing) / 1_000, { topic });
    metrics.count('mersal_accepted', {}, sends.length);
    for (const send of sends) {
      logger.info(
        { id: send.messageId, restaurantId: send.restaurantId },
        `📤 Enqueued job ${send.messageId} for restaurant ${send.restaurantId}`,
      );
    }
  }

  async #whose(
    principal: Principal,
    raw: unknown,
  ): Promise<{ readonly restaurant: Restaurant | undefined; readonly faults: readonly Fault[] }> {
    const named =
      typeof raw === 'object' && raw !== null && 'restaurantId' in raw ? raw.restaurantId : undefined;
    const fault = (code: string, message: string) => ({
      restaurant: undefined,
      faults: [{ pointer: '/restaurantId', code, message }],
    });
    if (principal.restaurantId !== null) {
      if (named !== undefined) {
        throw new Problem('forbidden', { detail: 'only a platform key may name a restaurantId' });
      }
      const restaurant = await this.#options.tenants.find(principal.restaurantId);
      if (restaurant === undefined)
        throw new Problem('forbidden', { detail: "the key's restaurant is gone" });
      return { restaurant, faults: [] };
    }
    if (!principal.scopes.has('send:any') && !principal.scopes.has('admin')) {
      throw new Problem('forbidden', { detail: 'this key belongs to no restaurant' });
    }
    if (named === undefined) return fault('required', 'a platform key must name the restaurant');
    // Any other type is reported by the schema.
    if (typeof named !== 'string') return { restaurant: undefined, faults: [] };
    const restaurant = named.length <= 64 ? await this.#options.tenants.find(named) : undefined;
    return restaurant === undefined
      ? fault('unknown', 'there is no such restaurant')
      : { restaurant, faults: [] };
  }
}
