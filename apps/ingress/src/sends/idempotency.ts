import { decodeEvent, parseMessageId, type SendRequested, UndecodableRecord } from '@mersal/contracts';
import type { Ledger } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import { Problem } from '../problems/problem.js';
import { within } from '../requests/deadline.js';
import { KnownHashes } from './known-hashes.js';

/** The edge does not wait longer than this for the ledger to answer a courtesy. */
const LEDGER_PATIENCE_MS = 300;

/** Visible ASCII: a space can't occur, which keeps the keys of a batch's items apart from those of single sends. */
const KEY = /^[\x21-\x7e]{1,255}$/;

export interface IdempotencyOptions {
  readonly ledger: Pick<Ledger, 'readMessage'>;
  readonly logger: Pick<Logger, 'debug'>;
  readonly known?: KnownHashes;
}

/** The value of an Idempotency-Key header, or undefined without one. Throws a Problem when it is none. */
export function idempotencyKeyOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && KEY.test(header)) return header;
  throw new Problem('validation_failed', {
    detail: 'the Idempotency-Key must be 1 to 255 visible ASCII characters',
    errors: [{ pointer: '', code: 'idempotency_key', message: 'the header Idempotency-Key is not valid' }],
  });
}

/** Says early that a key was used with another body, where that is known here or in the ledger. */
export class Idempotency {
  readonly #ledger: Pick<Ledger, 'readMessage'>;
  readonly #logger: Pick<Logger, 'debug'>;
  readonly #known: KnownHashes;

  constructor(options: IdempotencyOptions) {
    this.#ledger = options.ledger;
    this.#logger = options.logger;
    this.#known = options.known ?? new KnownHashes();
  }

  /**
   * False when another body is known under the id. Otherwise the body is noted; `withdraw` must follow if it turns out that
   * the send never was in the log.
   */
  async agrees(tenant: number, send: SendRequested): Promise<boolean> {
    const noted = this.#known.get(send.messageId);
    if (noted !== undefined) return noted === send.bodyHash;
    const filed = await this.#filedHash(tenant, send.messageId);
    if (filed !== undefined && filed !== send.bodyHash) return false;
    this.#known.remember(send.messageId, send.bodyHash);
    // Another request with the same key may have been faster while the ledger was asked.
    return this.#known.get(send.messageId) === send.bodyHash;
  }

  withdraw(send: SendRequested): void {
    if (this.#known.get(send.messageId) === send.bodyHash) this.#known.forget(send.messageId);
  }

  async #filedHash(tenant: number, id: string): Promise<string | undefined> {
    const u = parseMessageId(id)?.u;
    if (u === undefined) return undefined;
    try {
      const view = await within('ledger', LEDGER_PATIENCE_MS, this.#ledger.readMessage(tenant, u));
      if (view === undefined || view.record === null) return undefined;
      const event = decodeEvent(view.headers, view.record);
      return event.type === 'mersal.send.requested.v1' ? event.data.bodyHash : undefined;
    } catch (error) {
      if (!(error instanceof UndecodableRecord)) {
        this.#logger.debug(
          { err: error },
          'the ledger was not asked for an earlier body: admission will see it',
        );
      }
      return undefined;
    }
  }
}
