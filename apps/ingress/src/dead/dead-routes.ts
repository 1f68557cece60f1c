import { auditRow, type Database, type DeadFilter, type DeadLetter, type Ledger } from '@mersal/ledger';
import { letterId, shownLetter, uOfLetter } from '@mersal/recovery';
import { z } from 'zod';
import { actorOf } from '../admin/admin-options.js';
import { principalOf } from '../auth/authenticate.js';
import { Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import { deadLetterSchema, decodePlace, encodePlace } from './dead-letter-body.js';

export interface DeadRoutesOptions {
  readonly database: Database;
  readonly ledger: Pick<Ledger, 'listDead' | 'countDead' | 'discardDead'>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  /** Longest wait for the ledger, in ms. */
  readonly timeoutMs: number;
}

const MOST_LISTED = 500;
const SHARED = { tags: ['dead letters'], security: [{ key: [] }] };
const PROBLEMS = ['unauthorized', 'forbidden', 'not_found', 'store_unavailable'] as const;

/** Which dead letters: in queries and in bodies. */
export const selection = {
  restaurantId: z.string().min(1).max(64).describe("one restaurant's only").optional(),
  code: z.string().min(1).max(64).describe("the provider's code, a reason, or a class of error").optional(),
  from: z.iso.datetime({ offset: true }).describe('given up since').optional(),
  to: z.iso.datetime({ offset: true }).describe('given up before').optional(),
};

export interface Selection {
  readonly restaurantId?: string | undefined;
  readonly code?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export async function filterOf(
  tenants: Pick<TenantDirectory, 'find'>,
  { restaurantId, code, from, to }: Selection,
): Promise<DeadFilter> {
  const tenant = restaurantId === undefined ? undefined : await tenants.find(restaurantId);
  if (restaurantId !== undefined && tenant === undefined) throw new Problem('not_found');
  const ms = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Date.parse(text);
  return { tenant: tenant?.id, code, from: ms(from), to: ms(to) };
}

const params = z.object({ id: z.string() });
const listQuery = z.object({
  ...selection,
  limit: z.coerce.number().int().min(1).max(MOST_LISTED).default(100),
  cursor: z.string().min(1).max(100).describe('`next` of the page before').optional(),
});
const listAnswer = z.object({
  items: z.array(deadLetterSchema).describe('newest first'),
  next: z.string().nullable().describe('the cursor of the next page; null on the last'),
});

const groupsQuery = z.object(selection);
const groupsAnswer = z.object({
  items: z
    .array(
      z.object({
        restaurantId: z.string().nullable(),
        reason: z.string(),
        class: z.string().nullable(),
        code: z.int().nullable(),
        letters: z.int(),
        oldestAt: timeText,
        newestAt: timeText,
      }),
    )
    .describe('the largest first'),
});

/** GET /api/dead, GET /api/dead/groups, GET and DELETE /api/dead/:id */
export function deadRoutes({ app, auth }: Routes, options: DeadRoutesOptions): void {
  const { database, ledger, tenants, timeoutMs } = options;

  const find = async (id: string): Promise<DeadLetter> => {
    const u = uOfLetter(id);
    const found =
      u === undefined
        ? []
        : await within('ledger', timeoutMs, ledger.listDead({ us: [u] }, { most: 10, order: 'newest' }));
    const letter = found.find((one) => letterId(one) === id);
    if (letter === undefined) throw new Problem('not_found');
    return letter;
  };

  app.route<{ Querystring: z.infer<typeof listQuery> }>({
    method: 'GET',
    url: '/api/dead',
    onRequest: auth('admin'),
    schema: {
      ...SHARED,
      operationId: 'listDead',
      summary: 'Dead letters, newest first',
      querystring: listQuery,
      response: { 200: listAnswer, ...problemResponses('validation_failed', ...PROBLEMS) },
    },
    handler: async (request) => {
      const { limit, cursor, ...chosen } = request.query;
      const after = cursor === undefined ? undefined : decodePlace(cursor);
      const filter = await filterOf(tenants, chosen);
      const letters = await within(
        'ledger',
        timeoutMs,
        ledger.listDead(filter, { most: limit + 1, order: 'newest', after }),
      );
      const page = letters.slice(0, limit);
      const last = page.at(-1);
      return {
        items: page.map(shownLetter),
        next: letters.length > limit && last !== undefined ? encodePlace(last.place) : null,
      };
    },
  });

  app.route<{ Querystring: z.infer<typeof groupsQuery> }>({
    method: 'GET',
    url: '/api/dead/groups',
    onRequest: auth('admin'),
    schema: {
      ...SHARED,
      operationId: 'countDead',
      summary: 'How many dead letters have one cause',
      querystring: groupsQuery,
      response: { 200: groupsAnswer, ...problemResponses('validation_failed', ...PROBLEMS) },
    },
    handler: async (request) => {
      const filter = await filterOf(tenants, request.query);
      const groups = await within('ledger', timeoutMs, ledger.countDead(filter));
      return {
        items: groups.slice(0, MOST_LISTED).map((group) => ({
          restaurantId: group.restaurantId,
          reason: group.reason,
          class: group.errorClass,
          code: group.errorCode,
          letters: group.letters,
          oldestAt: new Date(group.oldestAt).toISOString(),
          newestAt: new Date(group.newestAt).toISOString(),
        })),
      };
    },
  });

  app.route<{ Params: z.infer<typeof params> }>({
    method: 'GET',
    url: '/api/dead/:id',
    onRequest: auth('admin'),
    schema: {
      ...SHARED,
      operationId: 'getDead',
      summary: 'One dead letter',
      params,
      response: { 200: deadLetterSchema, ...problemResponses(...PROBLEMS) },
    },
    handler: async (request) => shownLetter(await find(request.params.id)),
  });

  app.route<{ Params: z.infer<typeof params> }>({
    method: 'DELETE',
    url: '/api/dead/:id',
    onRequest: auth('admin'),
    schema: {
      ...SHARED,
      operationId: 'discardDead',
      summary: 'Put a dead letter away for good; a conversation that waits behind it goes on',
      params,
      response: {
        200: z.object({ id: z.string(), discarded: z.literal(true) }),
        ...problemResponses('conflict', ...PROBLEMS),
      },
    },
    handler: async (request) => {
      const { id } = request.params;
      const letter = await find(id);
      const actor = actorOf(principalOf(request));
      const discarded = await within('ledger', timeoutMs, ledger.discardDead([letter]));
      if (discarded === 0) throw new Problem('conflict', { detail: 'it was put back meanwhile' });
      await database.run(auditRow(actor, 'dead.discard', id));
      return { id, discarded: true };
    },
  });
}
