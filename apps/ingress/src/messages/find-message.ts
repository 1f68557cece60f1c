import { type IdKeys, parseMessageId, verifyMessageId } from '@mersal/contracts';
import type { Ledger, MessageView } from '@mersal/ledger';
import { Problem, retryAfter } from '../problems/problem.js';
import { within } from '../requests/deadline.js';
import type { Restaurant } from '../tenants/tenant-directory.js';
import type { LogEnds } from './log-ends.js';

export interface FindMessageOptions {
  readonly ledger: Pick<Ledger, 'readMessage' | 'admittedOffset'>;
  readonly ends: Pick<LogEnds, 'atLeast' | 'asOfNow'>;
  readonly idKeys: IdKeys;
  /** Longest wait for a store, in ms. */
  readonly timeoutMs: number;
}

export type Found =
  | { readonly state: 'filed'; readonly view: MessageView }
  /** In the log perhaps, and admission has not passed its place yet. */
  | { readonly state: 'pending' }
  | { readonly state: 'absent' };

/**
 * Finds a message right after its 202, before it is in the ledger:
 *
 *   row? ─yes─► filed            row with another tag ─► absent
 *    │ no
 *   tag genuine? ─no─► absent
 *    │ yes
 *   admission past the log's end as of now? ─no─► pending
 *    │ yes
 *   row now? ─yes─► filed, ─no─► absent: it never got into the log
 */
export class FindMessage {
  readonly #options: FindMessageOptions;

  constructor(options: FindMessageOptions) {
    this.#options = options;
  }

  async find(restaurant: Restaurant, id: string): Promise<Found> {
    const { idKeys, ends } = this.#options;
    const parts = parseMessageId(id);
    if (parts === undefined) return { state: 'absent' };
    const view = await this.#read(restaurant, parts.u);
    const genuine = verifyMessageId(idKeys, restaurant.restaurantId, id);
    // Of a key that is no longer known, the row's own tag is the proof.
    if (view !== undefined)
      return genuine || view.tag === parts.tag ? { state: 'filed', view } : { state: 'absent' };
    if (!genuine) return { state: 'absent' };
    const { partition } = restaurant;
    if ((await this.#admitted(partition)) < ends.atLeast(partition)) return { state: 'pending' };
    const end = await this.#ask(ends.asOfNow(partition));
    if ((await this.#admitted(partition)) < end) return { state: 'pending' };
    const late = await this.#read(restaurant, parts.u);
    return late === undefined ? { state: 'absent' } : { state: 'filed', view: late };
  }

  #read(restaurant: Restaurant, u: string): Promise<MessageView | undefined> {
    return within('ledger', this.#options.timeoutMs, this.#options.ledger.readMessage(restaurant.id, u));
  }

  #admitted(partition: number): Promise<bigint> {
    return within('ledger', this.#options.timeoutMs, this.#options.ledger.admittedOffset(partition, 'send'));
  }

  async #ask(end: Promise<bigint>): Promise<bigint> {
    try {
      return await within('log', this.#options.timeoutMs, end);
    } catch (error) {
      const detail = 'it is not filed yet, and whether it is in the log can’t be known now';
      throw new Problem('queue_unavailable', { detail, headers: retryAfter, cause: error });
    }
  }
}
