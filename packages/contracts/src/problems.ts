/** Every error that the API can answer with: RFC 9457 problems with a stable `code`. Explained in docs/errors.md. */
export const problems = {
  validation_failed: { status: 400, title: 'The request has faults' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  unauthorized: { status: 401, title: 'A valid key is needed' },
  forbidden: { status: 403, title: 'This key may not do that' },
  signature_invalid: { status: 403, title: 'The signature does not fit' },
  not_found: { status: 404, title: 'There is no such thing' },
  method_not_allowed: { status: 405, title: 'This method is not served here' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  already_sending: { status: 409, title: 'It can no longer be cancelled' },
  conflict: { status: 409, title: 'The state has changed meanwhile' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'Send application/json' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another body' },
  provider_rejected: { status: 422, title: 'The provider rejected the message' },
  rate_limited: { status: 429, title: 'Too many requests' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'Something went wrong here' },
  provider_unavailable: { status: 503, title: 'The provider did not take the message' },
  queue_unavailable: { status: 503, title: 'The queue cannot be reached' },
  store_unavailable: { status: 503, title: 'The database cannot be reached' },
  overloaded: { status: 503, title: 'Over capacity' },
  shutting_down: { status: 503, title: 'This instance is stopping' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** Reasons in the dead-letter topic's `dead-reason` header. Explained in docs/errors.md. */
export const deadReasons = {
  undecodable: 'the record cannot be read',
  unknown_restaurant: 'there is no such restaurant',
  idempotency_conflict: 'the same id with another body',
  retries_exhausted: 'every attempt failed',
  too_old: 'it could not be sent within the longest time that attempts may take',
  provider_rejected: 'the provider rejects it for good',
  opted_out: 'the recipient wants no messages from this restaurant',
  template_unusable: 'the template is rejected, paused or gone',
  by_operator: 'an operator gave it up',
  poison: 'reading it stopped the process repeatedly',
} as const;
export type DeadReason = keyof typeof deadReasons;
