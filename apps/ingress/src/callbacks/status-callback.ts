import { PublishError, type Publisher } from '@mersal/kafka';
import { inSpan, type Logger, type Metrics, SpanKind, traceparentOf } from '@mersal/telemetry';
import { verifyCallbackSignature } from '@mersal/twilio-gateway';
import { z } from 'zod';
import { Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import type { Routes } from '../routes.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import { callbackRecord } from './callback-record.js';
import { type CallbackForm, readCallback, textOf } from './read-callback.js';

export interface StatusCallbackOptions {
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly tenants: Pick<TenantDirectory, 'accountToken'>;
  /** The origin that Twilio was given. */
  readonly publicUrl: string;
  readonly topic: string;
  readonly partitions: number;
  readonly source: string;
  readonly deadlineMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly wallClock: () => number;
}

const BODY_LIMIT_BYTES = 64 * 1_024;

const query = z.object({
  restaurant: z.string().min(1).max(64),
  message: z.string().min(1).max(64),
  attempt: z.string().min(1).max(6),
  account: z.string().min(3).max(64),
  content: z.string().min(3).max(64).optional(),
  traceparent: z.string().max(64).optional(),
});

/**
 * POST /webhooks/twilio/status: the URL says whose attempt it is, the signature over URL and form proves that it was us who
 * said so. It is answered once the callback is in the log; before that, Twilio gets a 503.
 */
export function statusCallbackRoute({ app, unchecked }: Routes, options: StatusCallbackOptions): void {
  const { publisher, tenants, topic, logger, metrics } = options;
  const origin = new URL(options.publicUrl).origin;

  app.route<{ Querystring: Partial<z.infer<typeof query>>; Body: CallbackForm | undefined }>({
    method: 'POST',
    url: '/webhooks/twilio/status',
    bodyLimit: BODY_LIMIT_BYTES,
    config: { traceparentIn: 'query' },
    ...unchecked,
    schema: {
      operationId: 'receiveStatusCallback',
      summary: "Twilio's status callback",
      tags: ['provider'],
      consumes: ['application/x-www-form-urlencoded'],
      headers: z.object({ 'x-twilio-signature': z.string() }),
      querystring: query,
      body: z.object({ MessageSid: z.string(), MessageStatus: z.string(), AccountSid: z.string() }).loose(),
      response: {
        204: z.null().describe('in the log, or nothing to be done with'),
        ...problemResponses(
          'signature_invalid',
          'body_too_large',
          'unsupported_media_type',
          'queue_unavailable',
          'store_unavailable',
        ),
      },
    },
    handler: async (request, reply) => {
      const form = request.body ?? {};
      const signature = request.headers['x-twilio-signature'];
      const named = query.safeParse(request.query);
      // Whatever does not fit is answered alike: nobody learns from it which restaurants and accounts there are.
      const forged = (): Problem => {
        metrics.count('mersal_callbacks', { result: 'forged' });
        return new Problem('signature_invalid');
      };
      if (!named.success || typeof signature !== 'string') throw forged();
      const { restaurant, account } = named.data;
      const token = await tenants.accountToken(restaurant, account);
      const url = `${origin}${request.raw.url ?? ''}`;
      if (token === undefined || !verifyCallbackSignature(token, url, form, signature)) throw forged();
      if (textOf(form, 'AccountSid') !== account) throw forged();

      const target = {
        restaurantId: restaurant,
        messageId: named.data.message,
        attempt: named.data.attempt,
        accountSid: account,
        contentSid: named.data.content,
      };
      const read = readCallback(target, form, options.wallClock());
      if (read.kind !== 'callback') {
        metrics.count('mersal_callbacks', { result: read.kind });
        logger.warn({ restaurantId: restaurant, result: read.kind }, 'a genuine callback says nothing known');
        return reply.code(204).send();
      }
      try {
        const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': topic };
        await inSpan(`${topic} publish`, { kind: SpanKind.PRODUCER, attributes }, (span) =>
          publisher.publish([callbackRecord(read.callback, options, traceparentOf(span))], {
            deadlineMs: options.deadlineMs,
          }),
        );
      } catch (error) {
        if (error instanceof PublishError)
          metrics.count('mersal_publish_failures', { topic, code: error.code });
        throw error;
      }
      metrics.count('mersal_callbacks', { result: read.callback.status });
      logger.debug(
        { id: read.callback.messageId, restaurantId: restaurant, status: read.callback.status },
        'a status callback is in the log',
      );
      return reply.code(204).send();
    },
  });
}
