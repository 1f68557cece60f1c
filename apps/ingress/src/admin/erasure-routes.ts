import { joinMessageId } from '@mersal/contracts';
import {
  erase,
  type ErasureScope,
  type ErasureTally,
  readTenantView,
  recipientOf,
  standsStill,
} from '@mersal/ledger';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import { type Fault, Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import type { Routes } from '../routes.js';
import { recipientAddress } from '../sends/phone-number.js';
import { readBody, unknownRestaurant } from './admin-body.js';
import { type AdminOptions, actorOf } from './admin-options.js';
import { cursorOf, messagePlaceText, readMessagePlace } from './page.js';
import { restaurantIdText } from './tenant-body.js';

/** Messages that one request reads; it takes some seconds at most. */
const MOST_READ = 20_000;
/** Of them in one transaction. */
const BATCH = 1_000;

const body = z.strictObject({
  restaurantId: restaurantIdText,
  all: z.literal(true).describe('all that the restaurant sent; it must be suspended or paused').optional(),
  phoneNumber: z
    .string()
    .refine((text) => recipientAddress(text) !== undefined, {
      error: 'must be a phone number in E.164 form, like +966500000000',
      params: { code: 'phone_invalid' },
    })
    .describe('what it sent to this recipient')
    .optional(),
  dryRun: z.boolean().default(true).describe('true: only counts. What was erased does not come back'),
  cursor: z.string().min(1).max(200).describe('`next` of the answer before').optional(),
});
const answer = z.object({
  restaurantId: z.string(),
  dryRun: z.boolean(),
  erased: z.int().describe('messages of which only id and end stay; in a dry run, what would be'),
  left: z.int().describe('messages that have to end first: cancel them or let them end, and ask again'),
  unfinished: z.array(z.string()).describe('the first of those'),
  next: z
    .string()
    .nullable()
    .describe('where to go on: one request reads 20,000 messages; null: all were read'),
});

/** POST /api/erasures: what `mersal erase` does, in pages. */
export function erasureRoutes({ app, auth, unchecked }: Routes, options: AdminOptions): void {
  const { database, timeoutMs } = options;
  const ask = <T>(work: Promise<T>): Promise<T> => within('ledger', timeoutMs, work);
  app.route({
    method: 'POST',
    url: '/api/erasures',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      tags: ['erasure'],
      security: [{ key: [] }],
      operationId: 'erase',
      summary: 'Take a recipient’s data, or a restaurant’s, out of the ledger',
      description: 'Counts unless `dryRun` is false. May be repeated: what is erased is not found again.',
      body,
      response: {
        200: answer,
        ...problemResponses(
          'validation_failed',
          'malformed_json',
          'unauthorized',
          'forbidden',
          'conflict',
          'store_unavailable',
        ),
      },
    },
    handler: async (request) => {
      const { restaurantId, phoneNumber, dryRun, cursor } = readBody(body, request.body, whoRelations);
      const after = readMessagePlace(cursor);
      const tenant = await ask(readTenantView(database, restaurantId));
      if (!tenant) throw unknownRestaurant();
      const address = phoneNumber === undefined ? undefined : recipientAddress(phoneNumber);
      const recipient = address === undefined ? null : recipientOf(address);
      if (recipient === null && !dryRun && !(await ask(standsStill(database, tenant.id))))
        throw new Problem('conflict', { detail: 'the restaurant is sending: pause or suspend it first' });
      const scope: ErasureScope = { tenant: tenant.id, restaurantId, recipient };
      const tally = await erase(database, scope, {
        dryRun,
        batch: BATCH,
        most: MOST_READ,
        after,
        by: actorOf(principalOf(request)),
      });
      return shown(restaurantId, dryRun, tally);
    },
  });
}

function whoRelations({ all, phoneNumber }: Readonly<Record<string, unknown>>): Fault[] {
  if ((all === undefined) !== (phoneNumber === undefined)) return [];
  return [{ pointer: '/phoneNumber', code: 'required', message: 'give phoneNumber or all, one of them' }];
}

function shown(
  restaurantId: string,
  dryRun: boolean,
  { erased, left, examples, next }: ErasureTally,
): z.infer<typeof answer> {
  return {
    restaurantId,
    dryRun,
    erased,
    left,
    unfinished: examples.map(({ u, tag }) => joinMessageId(u, tag)),
    next: next === null ? null : cursorOf(messagePlaceText(next)),
  };
}
