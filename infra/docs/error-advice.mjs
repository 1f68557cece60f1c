/** @typedef {{ means: string, does: string }} Advice what it means, and what to do about it */

/**
 * For every problem that the API answers with.
 * @satisfies {Record<import('@mersal/contracts').ProblemCode, Advice>}
 */
export const problemAdvice = {
  validation_failed: {
    means: 'One or more fields, query parameters or headers are not as they must be.',
    does: '`errors` lists every fault with a JSON pointer to the field. Correct all of them and send again.',
  },
  malformed_json: {
    means: 'The body could not be read as JSON.',
    does: 'Check quotes, commas and the encoding (UTF-8). Nothing was accepted.',
  },
  unauthorized: {
    means: 'There is no `Authorization: Bearer` header, or its key is unknown or revoked.',
    does: 'Make a key with `npx mersal keys create`. A revoked key stops working within seconds.',
  },
  forbidden: {
    means: 'The key is genuine but lacks the scope, or names a restaurant that is not its own.',
    does: 'Use a key with the scope that `detail` names. Only platform keys (scope `send:any`) may name a restaurant.',
  },
  signature_invalid: {
    means: "A status callback's signature does not fit its URL and parameters.",
    does: "Check that PUBLIC_URL is exactly what Twilio calls, and that the restaurant's primary auth token is the one that is stored.",
  },
  not_found: {
    means:
      'There is no such path or message, or it belongs to another restaurant: the two look alike on purpose.',
    does: 'Check the id and the key. An id that was accepted moments ago reads `queued`, not 404.',
  },
  method_not_allowed: {
    means: 'The path exists, the method does not.',
    does: 'The `Allow` header, where it is given, and `/docs` list the methods.',
  },
  request_timeout: {
    means: 'The request was not complete within 30 s. Nothing of it was taken.',
    does: 'Repeat it, over a faster connection or with less in it.',
  },
  already_sending: {
    means: 'The message is on its way to the provider, was sent, or its outcome is unknown.',
    does: 'Read its status. A message can be cancelled only while it waits.',
  },
  conflict: {
    means: 'Somebody else changed the same thing in the meantime.',
    does: 'Read it again and decide anew.',
  },
  body_too_large: {
    means: 'The body is over the limit: 64 KB for a send or a callback, 2 MB for a batch.',
    does: 'Split the batch, or shorten `metadata`.',
  },
  unsupported_media_type: {
    means: 'The content type is not one that this path reads.',
    does: 'Send `content-type: application/json`.',
  },
  idempotency_key_reused: {
    means: 'This Idempotency-Key was used before with another body.',
    does: 'Use a new key for a new message; repeat a request with exactly the same body. Where this instance does not know the first body, the answer is 202 and the second message ends in the dead letters as `idempotency_conflict`.',
  },
  provider_rejected: {
    means: 'Sending without the queue: the provider refused the message for good.',
    does: '`detail` says why. Repeating it will not help.',
  },
  provider_unavailable: {
    means:
      'Sending without the queue: the provider did not take the message now, or may not be asked (a pause, a suspended account, an open breaker). Nothing was sent.',
    does: '`detail` says why. Repeat with the same Idempotency-Key after `Retry-After`; through the queue it would be repeated for you.',
  },
  rate_limited: {
    means:
      'More sends than the restaurant may make, more event streams than the key may have, or too many wrong keys from this address; without the queue, no free slot in time.',
    does: 'Wait for as long as `Retry-After` says.',
  },
  headers_too_large: {
    means: "The request's headers are over 16 KB.",
    does: 'Send fewer: the API needs `Authorization`, `Content-Type` and perhaps `Idempotency-Key`.',
  },
  internal_error: {
    means: 'A fault of ours. The log line with the same trace id has the details.',
    does: 'Repeat with the same Idempotency-Key; report it if it stays.',
  },
  queue_unavailable: {
    means: 'Kafka did not acknowledge the send within PRODUCE_DEADLINE_MS.',
    does: '`accepted` is `false` when it was certainly not taken and `"unknown"` when it may have been. Repeat with the same Idempotency-Key after `Retry-After`: it will not be sent twice.',
  },
  store_unavailable: {
    means: 'Postgres does not answer, so a key can not be checked or a message not be read.',
    does: 'Repeat after `Retry-After`. What was accepted before is safe in Kafka.',
  },
  overloaded: {
    means: 'This instance has as much work as it takes.',
    does: 'Repeat after `Retry-After`, or add instances.',
  },
  shutting_down: {
    means: 'This instance is draining before it stops.',
    does: 'Repeat: another instance will answer.',
  },
};

/**
 * For every reason in the dead-letter topic.
 * @satisfies {Record<import('@mersal/contracts').DeadReason, Advice>}
 */
export const deadAdvice = {
  undecodable: {
    means: 'The record has no event headers, an unknown type, no JSON, or does not fit its schema.',
    does: 'Find who published it (`ce_source`, topic, offset). The original bytes are kept. It can not be put back as it is.',
  },
  unknown_restaurant: {
    means: 'The send names a restaurant that is not in the database.',
    does: 'Create the restaurant, then `mersal replay` the time at which it came; or find out who sends for it.',
  },
  idempotency_conflict: {
    means: 'Two sends have the same id but different bodies: an Idempotency-Key was used twice.',
    does: 'The first was, or will be, sent. Send the second again under a key of its own.',
  },
  retries_exhausted: {
    means: 'Every attempt failed in a way that might have passed.',
    does: '`dead-code` has the last error. Redrive once the cause is gone.',
  },
  too_old: {
    means: 'It could not be sent within 24 hours, however often that was deferred.',
    does: 'Decide whether it is still of use to anybody before it is put back.',
  },
  provider_rejected: {
    means: 'The provider refuses it for good: the number, the content or the policy.',
    does: '`dead-code` is the provider’s. Correct the cause; repeating the same message will fail the same way.',
  },
  opted_out: {
    means: 'The recipient asked this restaurant to stop.',
    does: 'Do not repeat it.',
  },
  template_unusable: {
    means: 'The template was rejected, paused, disabled or deleted at the provider.',
    does: 'Have it approved, or create it anew, then redrive.',
  },
  by_operator: {
    means:
      'Nobody could tell whether the provider had accepted it, and an operator decided not to send it again.',
    does: 'The audit tells who decided. It is not put back, as it could arrive twice: where the provider does not have it, send it anew.',
  },
  poison: {
    means: 'Reading this record ended the process three times.',
    does: 'Keep the record: it reproduces a fault of ours. The records after it went on.',
  },
};
