import { PublishError } from '@mersal/kafka';
import { LedgerError } from '@mersal/ledger';
import { Problem, retryAfter } from './problem.js';
import { DeadlinePassed } from '../requests/deadline.js';

/** Whatever was thrown, as the problem that the caller sees. What is not known here is `internal_error`, without a word of it. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof PublishError) return publishProblem(error);
  if ((error instanceof LedgerError && error.code === 'unavailable') || error instanceof DeadlinePassed) {
    return new Problem('store_unavailable', { headers: retryAfter, cause: error });
  }
  if (UNSTORABLE.has((error as { code?: unknown } | null)?.code))
    return new Problem('validation_failed', { detail: 'a text holds characters that can not be stored' });
  return frameworkProblem(error) ?? new Problem('internal_error', { cause: error });
}

/** Postgres' own codes for NUL characters and half surrogate pairs, in texts and in JSON. */
const UNSTORABLE: ReadonlySet<unknown> = new Set(['22021', '22P05']);

function publishProblem(error: PublishError): Problem {
  const details = { accepted: error.accepted, headers: retryAfter, cause: error };
  switch (error.code) {
    case 'publish_overloaded':
      return new Problem('overloaded', details);
    case 'closed':
      return new Problem('shutting_down', details);
    case 'record_too_large':
      return new Problem('body_too_large', { cause: error });
    case 'publish_timeout':
    case 'publish_unavailable':
    case 'publish_forbidden':
      return new Problem('queue_unavailable', details);
    default:
      return error.code satisfies never;
  }
}

/** Fastify's own errors, by their codes. */
function frameworkProblem(error: unknown): Problem | undefined {
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('body_too_large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem('unsupported_media_type');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new Problem('malformed_json');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Problem('validation_failed', { detail: 'the body is not as long as its Content-Length' });
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new Problem('not_found');
    default:
      // The JSON parser's own: also for `__proto__` among the names.
      return error instanceof SyntaxError && statusCode === 400 ? new Problem('malformed_json') : undefined;
  }
}
