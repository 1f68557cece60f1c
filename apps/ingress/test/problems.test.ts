import { problems } from '@mersal/contracts';
import { PublishError } from '@mersal/kafka';
import { LedgerError } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { toProblem } from '../src/problems/to-problem.js';
import { DeadlinePassed } from '../src/requests/deadline.js';

it.each([
  [new PublishError('publish_timeout', 'unknown', 'x'), 'queue_unavailable', 'unknown'],
  [new PublishError('publish_unavailable', false, 'x'), 'queue_unavailable', false],
  [new PublishError('publish_forbidden', false, 'x'), 'queue_unavailable', false],
  [new PublishError('publish_overloaded', false, 'x'), 'overloaded', false],
  [new PublishError('closed', false, 'x'), 'shutting_down', false],
  [new LedgerError('unavailable', 'x'), 'store_unavailable', undefined],
  [new DeadlinePassed('x', 1), 'store_unavailable', undefined],
])('%s is %s: come again', (error, code, accepted) => {
  const problem = toProblem(error);
  expect(problem.body).toMatchObject({ code, status: 503 });
  expect(problem.body.accepted).toBe(accepted);
  expect(problem.details.headers).toHaveProperty('retry-after');
});

it.each([
  [{ code: 'FST_ERR_CTP_BODY_TOO_LARGE' }, 'body_too_large'],
  [{ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE' }, 'unsupported_media_type'],
  [{ code: 'FST_ERR_CTP_INVALID_JSON_BODY' }, 'malformed_json'],
  [Object.assign(new SyntaxError('forbidden name'), { statusCode: 400 }), 'malformed_json'],
])('%j is %s', (error, code) => {
  expect(toProblem(error).code).toBe(code);
});

it.each([new Error('password hunter2 at /srv/secret'), new SyntaxError('own'), 'text', undefined])(
  'what is not known tells nothing: %s',
  (error) => {
    expect(toProblem(error).body).toEqual({
      type: 'urn:mersal:problem:internal_error',
      title: problems.internal_error.title,
      status: 500,
      code: 'internal_error',
    });
  },
);
