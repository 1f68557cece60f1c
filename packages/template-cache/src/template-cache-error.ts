export type TemplateCacheErrorCode =
  /** Postgres is configured and away, or not migrated: creating now could make a template twice. */
  | 'store_unavailable'
  /** Another process has been creating the template for too long. */
  | 'creation_busy'
  /** The creator did not answer in time; the template may exist all the same. */
  | 'creation_timeout'
  /** The creator failed a moment ago and is not asked again yet; `cause` is its error. */
  | 'creation_suppressed'
  /** The creator returned something that is no SID. */
  | 'sid_invalid'
  /** Events could not be published in time. */
  | 'flush_failed';

export class TemplateCacheError extends Error {
  readonly code: TemplateCacheErrorCode;
  constructor(code: TemplateCacheErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'TemplateCacheError';
    this.code = code;
  }
}
