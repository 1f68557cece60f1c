/** Failures of this side; everything else is a code of the API's own problem documents. */
export type ClientErrorCode =
  /** Settings of the client that can't work. */
  | 'config_invalid'
  /** No connection, or it broke. */
  | 'unreachable'
  /** No answer in time. */
  | 'timeout'
  /** An answer that is none of the API's. */
  | 'bad_answer'
  /** The caller's signal. */
  | 'aborted';

/**
 * Why a call failed. `accepted` is `false` when it is certain that the message was not taken, else `'unknown'`: calling again
 * with the same idempotency key is safe then, with another key it may send twice.
 */
export class SendQueueError extends Error {
  readonly code: ClientErrorCode | (string & {});
  /** HTTP's, where there was an answer. */
  readonly status: number | undefined;
  readonly accepted: false | 'unknown';
  /** What the server asked to wait, in ms. */
  readonly retryAfterMs: number | undefined;
  /** Requests made. */
  readonly attempts: number;
  /** To call again with; undefined where nothing was to be sent. */
  readonly idempotencyKey: string | undefined;
  /** The fields that are wrong, as the API names them. */
  readonly errors: readonly unknown[];

  constructor(
    code: SendQueueError['code'],
    message: string,
    facts: {
      readonly status?: number | undefined;
      readonly accepted?: false | 'unknown';
      readonly retryAfterMs?: number | undefined;
      readonly attempts?: number;
      readonly idempotencyKey?: string | undefined;
      readonly errors?: readonly unknown[];
    } = {},
  ) {
    super(message);
    this.name = 'SendQueueError';
    this.code = code;
    this.status = facts.status;
    this.accepted = facts.accepted ?? false;
    this.retryAfterMs = facts.retryAfterMs;
    this.attempts = facts.attempts ?? 0;
    this.idempotencyKey = facts.idempotencyKey;
    this.errors = facts.errors ?? [];
  }
}
