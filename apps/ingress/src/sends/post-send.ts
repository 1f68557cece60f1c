import type { SendNow } from '../direct/send-now.js';
import { principalOf } from '../auth/authenticate.js';
import { problemResponses } from '../problems/problem-schema.js';
import { z } from 'zod';
import type { Routes } from '../routes.js';
import type { AcceptSends } from './accept-sends.js';
import { acceptedBody } from './accepted-send.js';
import { idempotencyKeyOf } from './idempotency.js';
import { acceptedSchema, directSchema, idempotencyHeaders } from './send-answers.js';
import { sendBody } from './send-body.js';

const BODY_LIMIT_BYTES = 64 * 1_024;

/** POST /api/whatsapp/send */
export function postSend(
  { app, auth, unchecked }: Routes,
  accept: AcceptSends,
  now: SendNow | undefined,
): void {
  app.route({
    method: 'POST',
    url: '/api/whatsapp/send',
    bodyLimit: BODY_LIMIT_BYTES,
    onRequest: auth('send', 'send:any'),
    ...unchecked,
    schema: {
      operationId: 'sendMessage',
      summary: 'Accept a message for sending',
      tags: ['sending'],
      security: [{ key: [] }],
      headers: idempotencyHeaders,
      body: sendBody,
      response: {
        200: directSchema.describe('without the queue: the provider has it'),
        202: z
          .union([acceptedSchema, directSchema])
          .describe(
            'accepted: it is in the log; Location says where to read on. Without the queue: `unknown` where the provider gave no answer, which is looked into',
          ),
        ...problemResponses(
          'validation_failed',
          'malformed_json',
          'unauthorized',
          'forbidden',
          'body_too_large',
          'unsupported_media_type',
          'conflict',
          'idempotency_key_reused',
          'provider_rejected',
          'provider_unavailable',
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
      const send = await accept.prepare(principalOf(request), request.body, key);
      now?.refuseDelay(send);
      const { headers } = await accept.takeIn([send]);
      if (now) {
        const { status, body } = await now.one(send);
        return reply
          .code(status)
          .headers(headers)
          .header('location', `/api/messages/${send.messageId}`)
          .send(body);
      }
      await accept.publish([send], request.beganAt);
      return reply
        .code(202)
        .headers(headers)
        .header('location', `/api/messages/${send.messageId}`)
        .send(acceptedBody(send));
    },
  });
}
