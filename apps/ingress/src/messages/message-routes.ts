import { MESSAGE_STATES, parseMessageId } from '@mersal/contracts';
import type { Ledger } from '@mersal/ledger';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import { Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import type { Routes } from '../routes.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import type { FindMessage } from './find-message.js';
import {
  messageBody,
  messageSchema,
  messageSummary,
  messageSummarySchema,
  pendingMessage,
} from './message-body.js';

export interface MessageRoutesOptions {
  readonly ledger: Pick<Ledger, 'listMessages' | 'cancel'>;
  readonly tenants: Pick<TenantDirectory, 'forReading'>;
  readonly find: Pick<FindMessage, 'find'>;
  /** Longest wait for the ledger, in ms. */
  readonly timeoutMs: number;
}

const MOST_LISTED = 100;

const params = z.object({ id: z.string() });
const whose = z.object({
  restaurantId: z
    .string()
    .min(1)
    .max(64)
    .describe('for platform keys only, and for them mandatory')
    .optional(),
});
const time = z.iso.datetime({ offset: true }).meta({ format: 'date-time' });
const listQuery = whose.extend({
  limit: z.coerce.number().int().min(1).max(MOST_LISTED).default(50),
  cursor: z.string().min(1).max(100).describe('`next` of the page before').optional(),
  status: z.enum(MESSAGE_STATES).optional(),
  conversationId: z.string().min(1).max(128).optional(),
  errorCode: z.coerce
    .number()
    .int()
    .min(0)
    .max(2_147_483_647)
    .describe("the provider's code of the last failure")
    .optional(),
  from: time.describe('accepted at this time or later').optional(),
  to: time.describe('accepted before this time').optional(),
});
const listAnswer = z.object({
  items: z.array(messageSummarySchema).describe('newest first'),
  next: z
    .string()
    .nullable()
    .describe('the cursor of the next page, which there may be though this one is short; null on the last'),
});
const cancelAnswer = z.object({ id: z.string(), status: z.literal('cancelled') });

/** GET and DELETE /api/messages/:id, GET /api/messages */
export function messageRoutes({ app, auth }: Routes, options: MessageRoutesOptions): void {
  const { ledger, tenants, find, timeoutMs } = options;
  const shared = { tags: ['messages'], security: [{ key: [] }] };

  app.route<{ Params: z.infer<typeof params>; Querystring: z.infer<typeof whose> }>({
    method: 'GET',
    url: '/api/messages/:id',
    onRequest: auth('read', 'send', 'send:any'),
    schema: {
      ...shared,
      operationId: 'getMessage',
      summary: 'One message with its story',
      params,
      querystring: whose,
      response: {
        200: messageSchema,
        ...problemResponses(
          'unauthorized',
          'forbidden',
          'not_found',
          'queue_unavailable',
          'store_unavailable',
        ),
      },
    },
    handler: async (request) => {
      const restaurant = await tenants.forReading(principalOf(request), request.query.restaurantId);
      const found = await find.find(restaurant, request.params.id);
      if (found.state === 'absent') throw new Problem('not_found');
      return found.state === 'filed'
        ? messageBody(found.view)
        : pendingMessage(request.params.id, restaurant.restaurantId);
    },
  });

  app.route<{ Querystring: z.infer<typeof listQuery> }>({
    method: 'GET',
    url: '/api/messages',
    onRequest: auth('read', 'send', 'send:any'),
    schema: {
      ...shared,
      operationId: 'listMessages',
      summary: 'Messages, newest first',
      description: 'Filters go together: all of them must fit.',
      querystring: listQuery,
      response: {
        200: listAnswer,
        ...problemResponses(
          'validation_failed',
          'unauthorized',
          'forbidden',
          'not_found',
          'store_unavailable',
        ),
      },
    },
    handler: async (request) => {
      const { limit, cursor, restaurantId, status, conversationId, errorCode, from, to } = request.query;
      const before = cursor === undefined ? undefined : decodeCursor(cursor);
      const restaurant = await tenants.forReading(principalOf(request), restaurantId);
      const { items, next } = await within(
        'ledger',
        timeoutMs,
        ledger.listMessages(restaurant.id, {
          most: limit,
          before,
          status,
          conversation: conversationId,
          errorCode,
          from: from === undefined ? undefined : Date.parse(from),
          to: to === undefined ? undefined : Date.parse(to),
        }),
      );
      return {
        items: items.map(messageSummary),
        next: next === null ? null : encodeCursor(next),
      };
    },
  });

  app.route<{ Params: z.infer<typeof params>; Querystring: z.infer<typeof whose> }>({
    method: 'DELETE',
    url: '/api/messages/:id',
    onRequest: auth('send', 'send:any'),
    schema: {
      ...shared,
      operationId: 'cancelMessage',
      summary: 'Cancel a message that was not sent yet',
      params,
      querystring: whose,
      response: {
        200: cancelAnswer,
        ...problemResponses(
          'unauthorized',
          'forbidden',
          'not_found',
          'already_sending',
          'queue_unavailable',
          'store_unavailable',
        ),
      },
    },
    handler: async (request) => {
      const { id } = request.params;
      const restaurant = await tenants.forReading(principalOf(request), request.query.restaurantId);
      const found = await find.find(restaurant, id);
      const parts = parseMessageId(id);
      if (found.state === 'absent' || parts === undefined) throw new Problem('not_found');
      // One that is not filed yet is cancelled all the same: admission will find its id taken.
      const tag = found.state === 'filed' ? found.view.tag : parts.tag;
      const result = await within('ledger', timeoutMs, ledger.cancel(restaurant.id, parts.u, tag));
      if (result === 'not_cancellable') throw new Problem('already_sending');
      return { id, status: 'cancelled' };
    },
  });
}
