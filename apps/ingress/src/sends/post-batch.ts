import type { SendRequested } from '@mersal/contracts';
import { z } from 'zod';
import type { DirectBody } from '../direct/direct-answer.js';
import type { SendNow } from '../direct/send-now.js';
import { principalOf } from '../auth/authenticate.js';
import { Problem, type ProblemBody } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { toProblem } from '../problems/to-problem.js';
import { toFaults } from '../problems/zod-faults.js';
import type { Routes } from '../routes.js';
import type { AcceptSends } from './accept-sends.js';
import { type AcceptedBody, acceptedBody } from './accepted-send.js';
import { overRate } from './intake.js';
import { idempotencyKeyOf } from './idempotency.js';
import { acceptedSchema, directSchema, idempotencyHeaders } from './send-answers.js';
import { sendBody } from './send-body.js';

const BODY_LIMIT_BYTES = 2 * 1_024 * 1_024;
const MOST_MESSAGES = 1_000;

/** The items are read one by one: a bad one does not fail the rest. */
const envelope = z.strictObject({ messages: z.array(z.unknown()).min(1).max(MOST_MESSAGES) });
const documentedBody = z.strictObject({ messages: z.array(sendBody).min(1).max(MOST_MESSAGES) });
const itemError = z.object({
  error: z.object({
    code: z.string(),
    title: z.string(),
    detail: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), code: z.string(), message: z.string() })).optional(),
  }),
});
export const batchAnswer = z.object({ results: z.array(z.union([acceptedSchema, directSchema, itemError])) });

type ItemError = { readonly error: Pick<ProblemBody, 'code' | 'title' | 'detail' | 'errors'> };

/** POST /api/whatsapp/send/batch: all good items are published together, and answered in order. */
export function postBatch(
  { app, auth, unchecked }: Routes,
  accept: AcceptSends,
  now: SendNow | undefined,
): void {
  app.route({
    method: 'POST',
    url: '/api/whatsapp/send/batch',
    bodyLimit: BODY_LIMIT_BYTES,
    onRequest: auth('send', 'send:any'),
    ...unchecked,
    schema: {
      operationId: 'sendBatch',
      summary: `Accept up to ${MOST_MESSAGES} messages`,
      tags: ['sending'],
      security: [{ key: [] }],
      headers: idempotencyHeaders,
      body: documentedBody,
      response: {
        202: batchAnswer.describe(
          'a result for each message, in order; those without an error are in the log, or, without the queue, at the provider',
        ),
        ...problemResponses(
          'validation_failed',
          'malformed_json',
          'unauthorized',
          'forbidden',
          'body_too_large',
          'unsupported_media_type',
          'rate_limited',
          'queue_unavailable',
          'store_unavailable',
          'overloaded',
          'shutting_down',
        ),
      },
    },
    handler: async (request, reply) => {
      const key = idempotencyKeyOf(request.headers['idempotency-key']);
      const parsed = envelope.safeParse(request.body);
      if (!parsed.success) throw new Problem('validation_failed', { errors: toFaults(parsed.error.issues) });
      const read: (SendRequested | ItemError)[] = [];
      for (const [place, raw] of parsed.data.messages.entries()) {
        const itemKey = key === undefined ? undefined : `${key} ${place}`;
        try {
          const send = await accept.prepare(principalOf(request), raw, itemKey);
          now?.refuseDelay(send);
          read.push(send);
        } catch (error) {
          if (!(error instanceof Problem) || error.status >= 500) throw error;
          read.push(itemErrorOf(error));
        }
      }
      const good = read.filter((one) => 'messageId' in one);
      const { refused, headers } = await accept.takeIn(good);
      const sends = good.filter(({ restaurantId }) => !refused.has(restaurantId));
      if (!now && sends.length > 0) await accept.publish(sends, request.beganAt);
      const results = await Promise.all(
        read.map(async (one): Promise<AcceptedBody | DirectBody | ItemError> => {
          if (!('messageId' in one)) return one;
          if (refused.has(one.restaurantId)) return itemErrorOf(overRate());
          return now ? sendOne(now, one) : acceptedBody(one);
        }),
      );
      return reply.code(202).headers(headers).send({ results });
    },
  });
}

async function sendOne(now: SendNow, send: SendRequested): Promise<DirectBody | ItemError> {
  try {
    return (await now.one(send)).body;
  } catch (error) {
    const problem = toProblem(error);
    if (problem.code === 'internal_error') throw error;
    return itemErrorOf(problem);
  }
}

function itemErrorOf({ body }: Problem): ItemError {
  const { code, title, detail, errors } = body;
  return {
    error: {
      code,
      title,
      ...(detail === undefined ? {} : { detail }),
      ...(errors === undefined ? {} : { errors }),
    },
  };
}
