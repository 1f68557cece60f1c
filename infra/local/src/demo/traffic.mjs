import { setTimeout as sleep } from 'node:timers/promises';

import { orders } from './orders.mjs';

/**
 * @typedef {import('./restaurants.mjs').Restaurant} Restaurant
 * @typedef {{ restaurant: Restaurant, apiKey: string }} Sender
 * @typedef {{ sender: Sender, id: string | undefined, status: string, error?: string }} Tracked
 * @typedef {{ name: string, total: number, accepted: number, sent: number, delivered: number, failed: number }} Row
 */

const POSTS_AT_ONCE = 16;
const DELIVERED = new Set(['delivered', 'read']);
const FAILED = new Set(['failed', 'dead', 'cancelled', 'expired', 'refused']);

/** @param {string} status */
export const isDelivered = (status) => DELIVERED.has(status);
/** @param {string} status */
export const isFailed = (status) => FAILED.has(status);

/**
 * Posts every restaurant's orders with its own key, then asks after each until it is final.
 */
export class DemoTraffic {
  /** @type {Tracked[]} */
  tracked = [];
  startedAt = performance.now();
  /** When something last changed, on the monotonic clock. */
  changedAt = performance.now();

  /**
   * @param {object} options
   * @param {string} options.ingress
   * @param {Sender[]} options.senders
   * @param {string} options.run a name for this run, for idempotency keys
   * @param {AbortSignal} options.signal
   */
  constructor({ ingress, senders, run, signal }) {
    this.ingress = ingress;
    this.senders = senders;
    this.run = run;
    this.signal = signal;
  }

  /** Each conversation's messages are posted in order; restaurants side by side. */
  async post() {
    this.startedAt = performance.now();
    await atOnce(POSTS_AT_ONCE, this.senders, async (sender) => {
      for (const [index, send] of orders(sender.restaurant, this.run).entries()) {
        /** @type {Tracked} */
        const tracked = { sender, id: undefined, status: 'posting' };
        this.tracked.push(tracked);
        await this.#postOne(tracked, send, `${this.run}-${index}`);
        this.changedAt = performance.now();
      }
    });
  }

  /** The idempotency key makes it safe to post again after a 503 or a broken connection.
   * @param {Tracked} tracked @param {import('./orders.mjs').Send} send @param {string} key */
  async #postOne(tracked, send, key) {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#request(tracked.sender, '/api/whatsapp/send', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(send),
      });
      if (response?.status === 202 || response?.status === 200) {
        tracked.id = response.body.id;
        tracked.status = response.body.status;
        return;
      }
      const again = response === undefined || response.status === 503 || response.status === 429;
      if (!again || attempt === 20) {
        tracked.status = 'refused';
        tracked.error =
          response === undefined ? 'no answer' : `${response.status} ${response.body?.code ?? ''}`;
        return;
      }
      await sleep(Math.min(250 * 2 ** attempt, 3_000), undefined, { signal: this.signal });
    }
  }

  /** Asks once after every message that is not final yet. */
  async refresh() {
    const open = this.tracked.filter(
      ({ id, status }) => id !== undefined && !isDelivered(status) && !isFailed(status),
    );
    await atOnce(POSTS_AT_ONCE, open, async (tracked) => {
      const response = await this.#request(tracked.sender, `/api/messages/${tracked.id}`, {});
      if (response?.status !== 200 || response.body.status === tracked.status) return;
      tracked.status = response.body.status;
      this.changedAt = performance.now();
    });
  }

  /**
   * @param {Sender} sender
   * @param {string} path
   * @param {{ method?: string, headers?: Record<string, string>, body?: string }} init
   * @returns {Promise<{ status: number, body: any } | undefined>} undefined: no answer that can be read
   */
  async #request(sender, path, init) {
    try {
      const response = await fetch(`${this.ingress}${path}`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${sender.apiKey}` },
        signal: AbortSignal.any([this.signal, AbortSignal.timeout(10_000)]),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
    } catch (error) {
      if (this.signal.aborted) throw error;
      const { name } = /** @type {Error} */ (error);
      if (error instanceof TypeError || error instanceof SyntaxError || name === 'TimeoutError')
        return undefined;
      throw error;
    }
  }

  /** @returns {Row[]} one a restaurant */
  rows() {
    return this.senders.map((sender) => {
      const own = this.tracked.filter((tracked) => tracked.sender === sender);
      const count = (/** @type {(status: string) => boolean} */ test) =>
        own.filter(({ status }) => test(status)).length;
      const delivered = count(isDelivered);
      return {
        name: `${sender.restaurant.name}, ${sender.restaurant.city}`,
        total: own.length,
        accepted: own.filter(({ id }) => id !== undefined).length,
        sent: delivered + count((status) => status === 'sent'),
        delivered,
        failed: count(isFailed),
      };
    });
  }
}

/**
 * @template T
 * @param {number} limit
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<void>} work
 */
async function atOnce(limit, items, work) {
  const rest = items.values();
  const lanes = Array.from({ length: Math.min(limit, items.length) }, async () => {
    for (const item of rest) await work(item);
  });
  await Promise.all(lanes);
}
