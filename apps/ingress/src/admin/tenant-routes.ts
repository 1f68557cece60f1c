import { partitionFor } from '@mersal/contracts';
import {
  createTenant,
  listTenants,
  readTenantView,
  resumeTenant,
  suspendByOperator,
  type TenantView,
  updateTenant,
} from '@mersal/ledger';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import { Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import type { Routes } from '../routes.js';
import { readBody } from './admin-body.js';
import { type AdminOptions, actorOf } from './admin-options.js';
import { pageOf, pageQuery, readCursor, toPage } from './page.js';
import {
  changeRelations,
  newTenantBody,
  suspendBody,
  tenantBody,
  tenantChangeBody,
  tenantSchema,
} from './tenant-body.js';

const params = z.object({ restaurantId: z.string() });
type Params = { Params: z.infer<typeof params> };

/** /api/tenants: restaurants with their limits. Credentials go in and never come out. */
export function tenantRoutes({ app, auth, unchecked }: Routes, options: AdminOptions): void {
  const { database, keys, tenants, templates, partitions, timeoutMs } = options;
  const ask = <T>(work: Promise<T>): Promise<T> => within('ledger', timeoutMs, work);
  const shared = { tags: ['restaurants'], security: [{ key: [] }] };
  const always = ['unauthorized', 'forbidden', 'store_unavailable'] as const;
  const changed = (restaurantId: string, view: TenantView | undefined) => {
    tenants.forget(restaurantId);
    if (view === undefined) throw new Problem('not_found');
    return tenantBody(view);
  };

  app.route<{ Querystring: z.infer<typeof pageQuery> }>({
    method: 'GET',
    url: '/api/tenants',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'listTenants',
      summary: 'Restaurants',
      querystring: pageQuery,
      response: {
        200: pageOf(tenantSchema, 'by id'),
        ...problemResponses('validation_failed', ...always),
      },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const after = readCursor(cursor, /^[!-~]{1,64}$/)?.[0];
      const rows = await ask(listTenants(database, { most: limit + 1, after }));
      return toPage(rows, limit, tenantBody, (row) => row.restaurantId);
    },
  });

  app.route({
    method: 'POST',
    url: '/api/tenants',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'createTenant',
      summary: 'Create a restaurant',
      body: newTenantBody,
      response: {
        201: tenantSchema,
        ...problemResponses('validation_failed', 'malformed_json', 'conflict', ...always),
      },
    },
    handler: async (request, reply) => {
      const given = readBody(newTenantBody, request.body);
      const { restaurantId } = given;
      const partition = partitionFor(restaurantId, partitions);
      const made = await ask(
        createTenant(
          database,
          keys,
          { ...given, name: given.name ?? restaurantId, partition },
          actorOf(principalOf(request)),
        ),
      );
      if (!made) throw new Problem('conflict', { detail: 'there is a restaurant with this id already' });
      return reply
        .code(201)
        .header('location', `/api/tenants/${encodeURIComponent(restaurantId)}`)
        .send(changed(restaurantId, made));
    },
  });

  app.route<Params>({
    method: 'GET',
    url: '/api/tenants/:restaurantId',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'getTenant',
      summary: 'One restaurant',
      params,
      response: { 200: tenantSchema, ...problemResponses('not_found', ...always) },
    },
    handler: async (request) => {
      const view = await ask(readTenantView(database, request.params.restaurantId));
      if (view === undefined) throw new Problem('not_found');
      return tenantBody(view);
    },
  });

  app.route<Params>({
    method: 'PATCH',
    url: '/api/tenants/:restaurantId',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'updateTenant',
      summary: 'Change limits, numbers or credentials',
      description:
        "New credentials lift a suspension that the provider's answers brought about, not an operator's. Another account makes the cache forget the templates of the one before, unless another restaurant uses it.",
      params,
      body: tenantChangeBody,
      response: {
        200: tenantSchema,
        ...problemResponses('validation_failed', 'malformed_json', 'not_found', ...always),
      },
    },
    handler: async (request) => {
      const { restaurantId } = request.params;
      const { accountSid, authToken, ...rest } = readBody(tenantChangeBody, request.body, changeRelations);
      const change = {
        ...rest,
        ...(authToken === undefined ? {} : { credentials: { accountSid, authToken } }),
      };
      const by = actorOf(principalOf(request));
      const body = changed(restaurantId, await ask(updateTenant(database, keys, restaurantId, change, by)));
      if (accountSid !== undefined) await templates.purge(restaurantId);
      return body;
    },
  });

  app.route<Params>({
    method: 'POST',
    url: '/api/tenants/:restaurantId/suspend',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'suspendTenant',
      summary: 'Hold all messages of a restaurant until it is resumed',
      params,
      body: suspendBody,
      response: {
        200: tenantSchema,
        ...problemResponses('validation_failed', 'malformed_json', 'not_found', ...always),
      },
    },
    handler: async (request) => {
      const { restaurantId } = request.params;
      const { reason } = readBody(suspendBody, request.body);
      const by = actorOf(principalOf(request));
      return changed(restaurantId, await ask(suspendByOperator(database, restaurantId, reason, by)));
    },
  });

  app.route<Params>({
    method: 'POST',
    url: '/api/tenants/:restaurantId/resume',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'resumeTenant',
      summary: 'Go on with a suspended restaurant',
      params,
      response: { 200: tenantSchema, ...problemResponses('not_found', ...always) },
    },
    handler: async (request) => {
      const { restaurantId } = request.params;
      const by = actorOf(principalOf(request));
      return changed(restaurantId, await ask(resumeTenant(database, restaurantId, by)));
    },
  });
}
