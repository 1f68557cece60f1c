import {
  createKey,
  type KeyView,
  listKeys,
  type NewKey,
  revokeKey,
  rotateKey,
  SCOPES,
  type Scope,
  scopesFor,
} from '@mersal/ledger';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import { type Fault, Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import { readBody, unknownRestaurant } from './admin-body.js';
import { type AdminOptions, actorOf } from './admin-options.js';
import { pageOf, pageQuery, readCursor, toPage } from './page.js';
import { restaurantIdText } from './tenant-body.js';

const LONGEST_OVERLAP_S = 30 * 86_400;
const DEFAULT_OVERLAP_S = 86_400;

const keySchema = z.object({
  keyId: z.string(),
  prefix: z.string().describe('how the key begins: `mk_<keyId>`'),
  restaurantId: z.string().nullable().describe("null: a platform's key"),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: timeText,
  expiresAt: timeText.nullable(),
  revokedAt: timeText.nullable(),
  lastUsedAt: timeText.nullable().describe('some seconds late'),
  replacedBy: z.string().nullable().describe('the key that took its place'),
});
const newKeySchema = keySchema.extend({ key: z.string().describe('the key itself: shown this once') });
const listQuery = pageQuery.extend({
  restaurantId: restaurantIdText.describe("one restaurant's only").optional(),
  platform: z.enum(['true']).describe("the platform's only").optional(),
});
const params = z.object({ keyId: z.string() });
const newKeyBody = z.strictObject({
  restaurantId: restaurantIdText.nullable().describe('whose it is; without one a platform’s').optional(),
  name: z.string().min(1).max(100).describe('what it is for'),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .describe("a restaurant's key: send, read; a platform's: send:any, read, admin"),
  expiresAt: z.iso.datetime({ offset: true }).nullable().describe('default: never').optional(),
});
const rotateBody = z.strictObject({
  overlapSeconds: z
    .int()
    .min(0)
    .max(LONGEST_OVERLAP_S)
    .describe(`how long the former key still works; default ${DEFAULT_OVERLAP_S}`)
    .optional(),
});

/** /api/keys: the secret of a key is in the answer that made it, and nowhere else. */
export function keyRoutes({ app, auth, unchecked }: Routes, options: AdminOptions): void {
  const { database, timeoutMs, wallClock } = options;
  const ask = <T>(work: Promise<T>): Promise<T> => within('ledger', timeoutMs, work);
  const shared = { tags: ['keys'], security: [{ key: [] }] };
  const always = ['unauthorized', 'forbidden', 'store_unavailable'] as const;

  app.route<{ Querystring: z.infer<typeof listQuery> }>({
    method: 'GET',
    url: '/api/keys',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'listKeys',
      summary: 'Keys, never their secrets',
      querystring: listQuery,
      response: {
        200: pageOf(keySchema, 'newest first'),
        ...problemResponses('validation_failed', ...always),
      },
    },
    handler: async (request) => {
      const { limit, cursor, restaurantId, platform } = request.query;
      const [, createdUs, id] = readCursor(cursor, /^(\d{1,16})\.([0-9A-Za-z]{1,32})$/) ?? [];
      const after = createdUs !== undefined && id !== undefined ? { createdUs, id } : undefined;
      const whose = restaurantId ?? (platform === undefined ? undefined : null);
      const rows = await ask(listKeys(database, { restaurantId: whose, most: limit + 1, after }));
      return toPage(rows, limit, keyBody, ({ place }) => `${place.createdUs}.${place.id}`);
    },
  });

  app.route({
    method: 'POST',
    url: '/api/keys',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'createKey',
      summary: 'Create a key',
      body: newKeyBody,
      response: {
        201: newKeySchema,
        ...problemResponses('validation_failed', 'malformed_json', ...always),
      },
    },
    handler: async (request, reply) => {
      const given = readBody(newKeyBody, request.body, (raw) => keyRelations(raw, wallClock()));
      const { name, restaurantId = null, expiresAt } = given;
      const made = await ask(
        createKey(
          database,
          {
            restaurantId,
            name,
            scopes: [...new Set(given.scopes)],
            expiresAt: expiresAt === undefined || expiresAt === null ? null : Date.parse(expiresAt),
          },
          actorOf(principalOf(request)),
        ),
      );
      if (!made) throw unknownRestaurant();
      return reply.code(201).header('cache-control', 'no-store').send(newKey(made));
    },
  });

  app.route<{ Params: z.infer<typeof params> }>({
    method: 'POST',
    url: '/api/keys/:keyId/rotate',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'rotateKey',
      summary: 'Create the key that takes the place of another',
      description: 'It has the same rights. Both work until the overlap is over.',
      params,
      body: rotateBody,
      response: {
        201: newKeySchema,
        ...problemResponses('validation_failed', 'malformed_json', 'not_found', 'conflict', ...always),
      },
    },
    handler: async (request, reply) => {
      const { overlapSeconds = DEFAULT_OVERLAP_S } = readBody(rotateBody, request.body);
      const { keyId } = request.params;
      const by = actorOf(principalOf(request));
      const made = await ask(rotateKey(database, keyId, overlapSeconds * 1_000, by));
      if (made === undefined) throw new Problem('not_found');
      if (made === 'ended')
        throw new Problem('conflict', { detail: 'this key is revoked, expired, or was replaced before' });
      return reply.code(201).header('cache-control', 'no-store').send(newKey(made));
    },
  });

  app.route<{ Params: z.infer<typeof params> }>({
    method: 'DELETE',
    url: '/api/keys/:keyId',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'revokeKey',
      summary: 'End a key for good, on all instances within 5 s',
      params,
      response: { 200: keySchema, ...problemResponses('not_found', ...always) },
    },
    handler: async (request) => {
      const ended = await ask(revokeKey(database, request.params.keyId, actorOf(principalOf(request))));
      if (!ended) throw new Problem('not_found');
      return keyBody(ended);
    },
  });
}

/** What one field says of another: which scopes a key of this kind may have, and that it is not over already. */
function keyRelations(given: Readonly<Record<string, unknown>>, now: number): Fault[] {
  const { scopes, restaurantId, expiresAt } = given;
  const kind = restaurantId === undefined || restaurantId === null ? 'platform' : 'restaurant';
  const allowed = scopesFor(kind);
  const faults: Fault[] = [];
  for (const [n, scope] of (Array.isArray(scopes) ? (scopes as unknown[]) : []).entries()) {
    if (SCOPES.includes(scope as Scope) && !allowed.includes(scope as Scope))
      faults.push({
        pointer: `/scopes/${n}`,
        code: 'scope_invalid',
        message: `a ${kind}'s key may have ${allowed.join(', ')}`,
      });
  }
  if (typeof expiresAt === 'string' && Date.parse(expiresAt) <= now)
    faults.push({ pointer: '/expiresAt', code: 'in_the_past', message: 'must be in the future' });
  return faults;
}

function keyBody(view: KeyView): z.infer<typeof keySchema> {
  const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    keyId: view.keyId,
    prefix: `mk_${view.keyId}`,
    restaurantId: view.restaurantId,
    name: view.name,
    scopes: [...view.scopes],
    createdAt: new Date(view.createdAt).toISOString(),
    expiresAt: iso(view.expiresAt),
    revokedAt: iso(view.revokedAt),
    lastUsedAt: iso(view.lastUsedAt),
    replacedBy: view.replacedBy,
  };
}

function newKey(made: NewKey): z.infer<typeof newKeySchema> {
  return { ...keyBody(made), key: made.key };
}
