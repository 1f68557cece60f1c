import type { Pipeline, PostedSend } from '@mersal/testkit';
import { customer, orderText } from '../test/orders.js';
import type { Front } from './front.js';

/** Waiting for ingress to take messages again, in ms. */
const AGAIN_MS = 200;

/**
 * Posts messages one after the other for each conversation, so that the order of acceptance is known, and repeats
 * each with its own Idempotency-Key until it is answered with 202. It posts no more than it was allowed to: so a place
 * in the run is a number of messages, however fast they go.
 */
export class Load {
  readonly posted: PostedSend[] = [];
  /** Why it ended early: an answer that is none of those a sender repeats. */
  failure: unknown;
  refused = 0;
  /** From the first try to the 202, of every message, in ms. */
  readonly tookMs: number[] = [];
  readonly #pipeline: Pipeline;
  readonly #front: Front;
  readonly #messages: number;
  readonly #signal: AbortSignal;
  readonly #everyMs: number;
  #turnAt = 0;
  #next = 0;
  #allowed = 0;
  #waiting: (() => void)[] = [];

  constructor(
    pipeline: Pipeline,
    front: Front,
    options: {
      readonly messages: number;
      readonly lanesPerTenant: number;
      /** First posts of messages, at most. Default: as fast as they are accepted. */
      readonly perSecond?: number | undefined;
      readonly signal: AbortSignal;
    },
  ) {
    this.#pipeline = pipeline;
    this.#front = front;
    this.#everyMs = options.perSecond === undefined ? 0 : 1_000 / options.perSecond;
    this.#messages = options.messages;
    this.#signal = options.signal;
    const lanes = pipeline.tenants.flatMap(({ restaurantId }, t) =>
      Array.from({ length: options.lanesPerTenant }, (_, c) =>
        this.#lane(restaurantId, `table-${c}`, t * 100 + c),
      ),
    );
    Promise.all(lanes).catch((error: unknown) => {
      this.failure = error;
    });
  }

  /** So many messages may be posted from now on, in all. */
  allow(messages: number): void {
    this.#allowed = Math.max(this.#allowed, Math.min(messages, this.#messages));
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #lane(restaurant: string, conversation: string, number: number): Promise<void> {
    for (;;) {
      while (this.#next >= this.#allowed && this.#next < this.#messages)
        await new Promise<void>((wake) => this.#waiting.push(wake));
      if (this.#signal.aborted) return;
      if (this.#next >= this.#messages) {
        this.allow(this.#messages);
        return;
      }
      this.#next += 1;
      const n = this.#next;
      await this.#turn();
      await this.#post(restaurant, conversation, number, n);
    }
  }

  async #turn(): Promise<void> {
    if (this.#everyMs === 0) return;
    const now = performance.now();
    this.#turnAt = Math.max(this.#turnAt + this.#everyMs, now);
    await new Promise((begin) => setTimeout(begin, this.#turnAt - now));
  }

  async #post(restaurant: string, conversation: string, number: number, n: number): Promise<void> {
    const startedAt = performance.now();
    const tenant = this.#pipeline.tenant(restaurant);
    const body = { phoneNumber: customer(number), text: orderText(n), conversationId: conversation };
    while (!this.#signal.aborted) {
      const answer = await this.#front.post(tenant.apiKey, '/api/whatsapp/send', body, {
        'idempotency-key': `chaos-${n}`,
      });
      if (answer?.status === 202) {
        const id = answer.body['id'] as string;
        this.tookMs.push(performance.now() - startedAt);
        this.posted.push({ id, restaurantId: restaurant, conversation, priority: 5 });
        return;
      }
      if (answer && answer.status !== 503 && answer.status !== 429)
        throw new Error(`POST was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
      this.refused += 1;
      // A paced client is a polite one: else what is away or slow gets more requests the worse it is.
      const retryAfterMs = this.#everyMs === 0 ? 0 : Number(answer?.headers.get('retry-after') ?? 0) * 1_000;
      await new Promise((again) => setTimeout(again, Math.max(AGAIN_MS, retryAfterMs)));
    }
  }
}
