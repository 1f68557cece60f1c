export type PublishErrorCode =
  | 'publish_timeout'
  | 'publish_unavailable'
  /** Kafka refuses this client: see KafkaAccessError, which is the cause. */
  | 'publish_forbidden'
  | 'publish_overloaded'
  | 'record_too_large'
  | 'closed';

/**
 * Why a publish failed.
 *
 * `accepted` is `false` when none of the call's records was ever part of a request to Kafka, or of one only that Kafka refused as a
 * whole: it is certain that they are not in the log. It is `'unknown'` when some were: they may be in the log, now or in a moment.
 */
export class PublishError extends Error {
  readonly code: PublishErrorCode;
  readonly accepted: false | 'unknown';

  constructor(code: PublishErrorCode, accepted: false | 'unknown', message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'PublishError';
    this.code = code;
    this.accepted = accepted;
  }
}
