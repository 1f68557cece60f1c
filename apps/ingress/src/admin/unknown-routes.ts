import { joinMessageId, parseMessageId } from '@mersal/contracts';
import { readTenantView, tenantOfMessage, type UnknownEntry } from '@mersal/ledger';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import { type Fault, Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import { readBody } from './admin-body.js';
import { type AdminOptions, actorOf } from './admin-options.js';
import { messagePlaceText, pageOf, pageQuery, readMessagePlace, toPage } from './page.js';
import { restaurantIdText } from './tenant-body.js';

const MOST_LISTED = 1_000;
const listQuery = pageQuery.extend({
  restaurantId: restaurantIdText.describe("one restaurant's only").optional(),
  limit: z.coerce.number().int().min(1).max(MOST_LISTED).default(100),
});
const entrySchema = z.object({
  id: z.string(),
  restaurantId: z.string(),
  attempt: z.int(),
  startedAt: timeText.nullable(),
  since: timeText,
  undecided: z.boolean().describe('an operator has to decide; false: reconciliation is still looking'),
});
const params = z.object({ id: z.string() });
const resolveBody = z.strictObject({
  decision: z.enum(['sent', 'not_sent', 'dead']).describe('not_sent: it is sent again; dead: it is given up'),
  sid: z
    .string()
    .regex(/^[A-Za-z0-9_-]{3,64}$/)
    .describe("the provider's id of the message, where it was sent")
    .optional(),
});
const resolveAnswer = z.object({ id: z.string(), decision: z.enum(['sent', 'not_sent', 'dead']) });

/** /api/unknown: messages that the provider may or may not have accepted. */
export function unknownRoutes({ app, auth, unchecked }: Routes, options: AdminOptions): void {
  const { database, ledger, timeoutMs } = options;
  const ask = <T>(work: Promise<T>): Promise<T> => within('ledger', timeoutMs, work);
  const shared = { tags: ['unknown outcomes'], security: [{ key: [] }] };
  const always = ['unauthorized', 'forbidden', 'store_unavailable'] as const;

  app.route<{ Querystring: z.infer<typeof listQuery> }>({
    method: 'GET',
    url: '/api/unknown',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'listUnknown',
      summary: 'Messages with an unknown outcome',
      querystring: listQuery,
      response: {
        200: pageOf(entrySchema, 'the longest waiting first'),
        ...problemResponses('validation_failed', 'not_found', ...always),
      },
    },
    handler: async (request) => {
      const { restaurantId, limit, cursor } = request.query;
      const after = readMessagePlace(cursor);
      let tenant: number | null = null;
      if (restaurantId !== undefined) {
        const view = await ask(readTenantView(database, restaurantId));
        if (!view) throw new Problem('not_found');
        tenant = view.id;
      }
      const found = await ask(ledger.listUnknown(tenant, limit + 1, after));
      return toPage(found, limit, shown, ({ place }) => messagePlaceText(place));
    },
  });

  app.route<{ Params: z.infer<typeof params> }>({
    method: 'POST',
    url: '/api/unknown/:id/resolve',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'resolveUnknown',
      summary: 'Say what the provider has',
      params,
      body: resolveBody,
      response: {
        200: resolveAnswer,
        ...problemResponses('validation_failed', 'malformed_json', 'not_found', 'conflict', ...always),
      },
    },
    handler: async (request) => {
      const { decision, sid } = readBody(resolveBody, request.body, sidRelations);
      const { id } = request.params;
      const parts = parseMessageId(id);
      const tenant = parts && (await ask(tenantOfMessage(database, parts.u, parts.tag)));
      if (parts === undefined || tenant === undefined) throw new Problem('not_found');
      const by = actorOf(principalOf(request));
      if (!(await ask(ledger.decideUnknown(tenant, parts.u, decision, { sid, by }))))
        throw new Problem('conflict', { detail: 'its outcome is not unknown any more' });
      return { id, decision };
    },
  });
}

function sidRelations({ sid, decision }: Readonly<Record<string, unknown>>): Fault[] {
  return sid !== undefined && decision !== 'sent'
    ? [{ pointer: '/sid', code: 'not_allowed', message: 'a sid belongs to a message that was sent' }]
    : [];
}

function shown({
  u,
  tag,
  restaurantId,
  attempt,
  startedAt,
  since,
  undecided,
}: UnknownEntry): z.infer<typeof entrySchema> {
  return {
    id: joinMessageId(u, tag),
    restaurantId,
    attempt,
    startedAt: startedAt === null ? null : new Date(startedAt).toISOString(),
    since: new Date(since).toISOString(),
    undecided,
  };
}
