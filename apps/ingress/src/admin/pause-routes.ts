import { type Pause, type PauseTarget, readTenantView, restaurantIdsOf } from '@mersal/ledger';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import { type Fault, Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import { whatsappAddress } from '../sends/phone-number.js';
import { readBody, unknownRestaurant } from './admin-body.js';
import { type AdminOptions, actorOf } from './admin-options.js';
import { restaurantIdText } from './tenant-body.js';

const scope = z.enum(['all', 'tenant', 'sender']).describe('everything, a restaurant, or one of its numbers');
const target = {
  scope,
  restaurantId: restaurantIdText.optional(),
  number: z.string().max(40).describe('one of its numbers, E.164').optional(),
};
const pauseBody = z.strictObject({
  ...target,
  until: z.iso.datetime({ offset: true }).nullable().describe('default: until it is lifted').optional(),
  reason: z.string().min(1).max(500).describe('shown to whoever looks'),
});
const targetQuery = z.strictObject(target);
const pauseSchema = z.object({
  scope,
  restaurantId: z.string().nullable(),
  number: z.string().nullable(),
  since: timeText,
  until: timeText.nullable().describe('null: until it is lifted'),
  by: z.string().describe('`provider`, or the operator who asked for it'),
  reason: z.string(),
});
const listAnswer = z.object({ items: z.array(pauseSchema).describe('all that are running') });
const setAnswer = pauseSchema.omit({ since: true });
const liftAnswer = z.object({ lifted: z.literal(true) });
type Target = z.infer<typeof targetQuery>;

/** /api/pauses: what is not to be sent for now. It takes effect within 2 s and holds over restarts. */
export function pauseRoutes({ app, auth, unchecked }: Routes, options: AdminOptions): void {
  const { database, ledger, timeoutMs, wallClock } = options;
  const ask = <T>(work: Promise<T>): Promise<T> => within('ledger', timeoutMs, work);
  const shared = { tags: ['pauses'], security: [{ key: [] }] };
  const always = ['unauthorized', 'forbidden', 'store_unavailable'] as const;

  app.route({
    method: 'GET',
    url: '/api/pauses',
    onRequest: auth('admin'),
    schema: {
      ...shared,
      operationId: 'listPauses',
      summary: 'What is paused',
      response: { 200: listAnswer, ...problemResponses(...always) },
    },
    handler: async () => {
      const pauses = await ask(ledger.readPauses());
      const tenants = pauses.flatMap(({ target: of }) => (of.scope === 'all' ? [] : [of.tenant]));
      const names = await ask(restaurantIdsOf(database, tenants));
      return { items: pauses.map((pause) => shown(pause, names)) };
    },
  });

  app.route({
    method: 'POST',
    url: '/api/pauses',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'setPause',
      summary: 'Pause everything, a restaurant or a number',
      description: 'It takes the place of a pause of the same that is running.',
      body: pauseBody,
      response: {
        200: setAnswer,
        ...problemResponses('validation_failed', 'malformed_json', ...always),
      },
    },
    handler: async (request) => {
      const given = readBody(pauseBody, request.body, (raw) => [
        ...targetRelations(raw),
        ...untilRelations(raw, wallClock()),
      ]);
      const until = given.until === undefined || given.until === null ? null : Date.parse(given.until);
      const by = actorOf(principalOf(request));
      await ask(ledger.setPause(await find(given), until, given.reason, by));
      return {
        scope: given.scope,
        restaurantId: given.restaurantId ?? null,
        number: given.number ?? null,
        until: until === null ? null : new Date(until).toISOString(),
        by,
        reason: given.reason,
      };
    },
  });

  app.route({
    method: 'DELETE',
    url: '/api/pauses',
    onRequest: auth('admin'),
    ...unchecked,
    schema: {
      ...shared,
      operationId: 'liftPause',
      summary: 'Go on with what is paused',
      querystring: targetQuery,
      response: {
        200: liftAnswer,
        ...problemResponses('validation_failed', 'not_found', ...always),
      },
    },
    handler: async (request) => {
      const given = readBody(targetQuery, request.query, targetRelations);
      if (!(await ask(ledger.liftPause(await find(given), actorOf(principalOf(request))))))
        throw new Problem('not_found', { detail: 'it is not paused' });
      return { lifted: true };
    },
  });

  /** The target in the ledger's terms. Throws a Problem where the restaurant or its number is unknown. */
  async function find(given: Target): Promise<PauseTarget> {
    if (given.restaurantId === undefined) return { scope: 'all' };
    const tenant = await ask(readTenantView(database, given.restaurantId));
    if (!tenant) throw unknownRestaurant();
    if (given.number === undefined) return { scope: 'tenant', tenant: tenant.id };
    const sender = whatsappAddress(given.number) ?? given.number;
    if (!tenant.fromNumbers.includes(sender))
      throw new Problem('validation_failed', {
        errors: [{ pointer: '/number', code: 'unknown', message: 'the restaurant has no such number' }],
      });
    return { scope: 'sender', tenant: tenant.id, sender };
  }
}

/** A target names exactly what its scope needs. */
function targetRelations(given: Readonly<Record<string, unknown>>): Fault[] {
  const needs = {
    restaurantId: given['scope'] === 'tenant' || given['scope'] === 'sender',
    number: given['scope'] === 'sender',
  };
  return (['restaurantId', 'number'] as const).flatMap((field) => {
    if (needs[field] === (given[field] !== undefined)) return [];
    return needs[field]
      ? [{ pointer: `/${field}`, code: 'required', message: 'the scope needs it' }]
      : [{ pointer: `/${field}`, code: 'not_allowed', message: 'the scope has none' }];
  });
}

function untilRelations({ until }: Readonly<Record<string, unknown>>, now: number): Fault[] {
  return typeof until === 'string' && Date.parse(until) <= now
    ? [{ pointer: '/until', code: 'in_the_past', message: 'must be in the future' }]
    : [];
}

function shown(pause: Pause, names: ReadonlyMap<number, string>): z.infer<typeof pauseSchema> {
  const { target: of } = pause;
  return {
    scope: of.scope,
    restaurantId: of.scope === 'all' ? null : (names.get(of.tenant) ?? null),
    number: of.scope === 'sender' ? of.sender : null,
    since: new Date(pause.begunAt).toISOString(),
    until: Number.isFinite(pause.until) ? new Date(pause.until).toISOString() : null,
    by: pause.by,
    reason: pause.reason,
  };
}
