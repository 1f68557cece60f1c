import { readTenantView, recipientOf, type Suppression } from '@mersal/ledger';
import { maskPhone } from '@mersal/telemetry';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import { type Fault, Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import { recipientAddress } from '../sends/phone-number.js';
import { readBody, unknownRestaurant } from './admin-body.js';
import { type AdminOptions, actorOf } from './admin-options.js';
import { pageOf, pageQuery, readCursor, toPage } from './page.js';
import { restaurantIdText } from './tenant-body.js';

const recipientText = z.string().regex(/^[0-9a-f]{32}$/, 'must be a recipient as the list shows it');
const listQuery = pageQuery.extend({ restaurantId: restaurantIdText });
const suppressionSchema = z.object({
  recipient: z.string().describe('stands for the number'),
  number: z.string().describe('masked'),
  reason: z.string(),
  since: timeText,
});
const liftBody = z.strictObject({
  restaurantId: restaurantIdText,
  recipient: recipientText.optional(),
  phoneNumber: z
    .string()
    .refine((text) => recipientAddress(text) !== undefined, {
      error: 'must be a phone number in E.164 form, like +966500000000',
      params: { code: 'phone_invalid' },
    })
    .optional(),
});
const liftAnswer = z.object({ restaurantId: z.string(), recipient: z.string() });

/** /api/suppressions: recipients who opted out of a restaurant's messages. */
export function suppressionRoutes({ app, auth, unchecked }: Routes, options: AdminOptions): void {
  const { database, ledger, timeoutMs } = options;
  const ask = <T>(work: Promise<T>): Promise<T> => within('ledger', timeoutMs, work);
  const shared = { tags: ['opt-outs'], security: [{ key: [] }] };
  const always = ['unauthorized', 'forbidden', 'store_unavailable'] as const;

  app.route<{ Querystring: z.infer<typeof listQuery> }>({
    method: 'GET',
    url: '/api/suppressions',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'listSuppressions',
      summary: 'Who opted out',
      querystring: listQuery,
      response: {
        200: pageOf(suppressionSchema, 'newest first'),
        ...problemResponses('validation_failed', 'not_found', ...always),
      },
    },
    handler: async (request) => {
      const { restaurantId, limit, cursor } = request.query;
      const before = readCursor(cursor, /^\d{1,15}(\.\d{1,9})?$/)?.[0];
      const tenant = await ask(readTenantView(database, restaurantId));
      if (!tenant) throw new Problem('not_found');
      const rows = await ask(
        ledger.listSuppressions(tenant.id, limit + 1, before === undefined ? undefined : Number(before)),
      );
      return toPage(rows, limit, shown, ({ createdAt }) => String(createdAt));
    },
  });

  app.route({
    method: 'POST',
    url: '/api/suppressions/lift',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'liftSuppression',
      summary: 'Somebody wants to hear from a restaurant again',
      body: liftBody,
      response: {
        200: liftAnswer,
        ...problemResponses('validation_failed', 'malformed_json', 'not_found', ...always),
      },
    },
    handler: async (request) => {
      const given = readBody(liftBody, request.body, whoRelations);
      const recipient = given.recipient ?? recipientOf(recipientAddress(given.phoneNumber ?? '') ?? '');
      const tenant = await ask(readTenantView(database, given.restaurantId));
      if (!tenant) throw unknownRestaurant();
      if (!(await ask(ledger.liftSuppression(tenant.id, recipient, actorOf(principalOf(request))))))
        throw new Problem('not_found', { detail: 'the restaurant has no such recipient among those' });
      return { restaurantId: given.restaurantId, recipient };
    },
  });
}

function whoRelations({ recipient, phoneNumber }: Readonly<Record<string, unknown>>): Fault[] {
  if ((recipient === undefined) !== (phoneNumber === undefined)) return [];
  return [{ pointer: '/recipient', code: 'required', message: 'give recipient or phoneNumber, one of them' }];
}

function shown({ recipient, address, reason, createdAt }: Suppression): z.infer<typeof suppressionSchema> {
  return { recipient, number: maskPhone(address), reason, since: new Date(createdAt).toISOString() };
}
