import type { ServerResponse } from 'node:http';
import { parseMessageId, type ProblemCode } from '@mersal/contracts';
import type { Ledger } from '@mersal/ledger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../auth/authenticate.js';
import type { FindMessage } from '../messages/find-message.js';
import { messageBody, pendingMessage } from '../messages/message-body.js';
import { Problem, retryAfter } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import type { Routes } from '../routes.js';
import type { Restaurant, TenantDirectory } from '../tenants/tenant-directory.js';
import { eventText, readEventId, RETRY, type Told } from './event-text.js';
import type { Sink, StreamHub } from './stream-hub.js';

export interface EventRoutesOptions {
  readonly hub: Pick<StreamHub, 'open' | 'refusal'>;
  readonly ledger: Pick<Ledger, 'eventPlace' | 'readMessageAndPlace' | 'hasEvent'>;
  /** Those of the keys that still are valid. */
  readonly validKeys: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly tenants: Pick<TenantDirectory, 'forReading'>;
  readonly find: Pick<FindMessage, 'find'>;
  /** Longest wait for a store, in ms. */
  readonly timeoutMs: number;
  readonly wallClock: () => number;
}

const params = z.object({ id: z.string() });
const query = z.object({
  restaurantId: z
    .string()
    .min(1)
    .max(64)
    .describe('for platform keys only, and for them mandatory')
    .optional(),
});
const headers = z.object({
  'last-event-id': z.string().max(64).describe('the id of the last event: goes on behind it').optional(),
});
const streamText = {
  description:
    'events `state` (how it is now; first, unless resumed) and `outcome` (what happened), each with an id to resume from',
  content: { 'text/event-stream': { schema: z.string() } },
};

/** What a stream begins with; undefined where its reader comes back and knows all up to `told`. */
interface Beginning {
  readonly told: Told;
  readonly state?: object;
}

/** GET /api/messages/:id/events, GET /api/events: server-sent events from the ledger, the same by every instance. */
export function eventRoutes({ app, auth }: Routes, options: EventRoutesOptions): void {
  const { hub, ledger, validKeys, tenants, find, timeoutMs, wallClock } = options;
  const ask = <T>(work: Promise<T>): Promise<T> => within('ledger', timeoutMs, work);
  const shared = { tags: ['events'], security: [{ key: [] }], querystring: query, headers };
  const answers = (...codes: readonly ProblemCode[]) => ({
    200: streamText,
    ...problemResponses(
      'unauthorized',
      'forbidden',
      'not_found',
      'rate_limited',
      'store_unavailable',
      'overloaded',
      'shutting_down',
      ...codes,
    ),
  });

  app.route<{ Querystring: z.infer<typeof query> }>({
    method: 'GET',
    url: '/api/events',
    exposeHeadRoute: false,
    onRequest: auth('read', 'send', 'send:any'),
    schema: {
      ...shared,
      operationId: 'streamEvents',
      summary: 'What happens to the messages of a restaurant, as it happens',
      response: answers(),
    },
    handler: async (request, reply) => {
      const restaurant = await tenants.forReading(principalOf(request), request.query.restaurantId);
      await admit(request);
      const beginning = (await resumed(request, restaurant)) ?? (await fresh(restaurant));
      stream(request, reply, restaurant, null, beginning);
    },
  });

  app.route<{ Params: z.infer<typeof params>; Querystring: z.infer<typeof query> }>({
    method: 'GET',
    url: '/api/messages/:id/events',
    exposeHeadRoute: false,
    onRequest: auth('read', 'send', 'send:any'),
    schema: {
      ...shared,
      operationId: 'streamMessageEvents',
      summary: 'What happens to a message, as it happens',
      params,
      response: answers('queue_unavailable'),
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const restaurant = await tenants.forReading(principalOf(request), request.query.restaurantId);
      await admit(request);
      // Before the message is looked for: what happens in between is told afterwards.
      const place = await ask(ledger.eventPlace(restaurant.id));
      const found = await find.find(restaurant, id);
      const parts = parseMessageId(id);
      if (found.state === 'absent' || parts === undefined) throw new Problem('not_found');
      const begin = async (): Promise<Beginning> => {
        const filed = await ask(ledger.readMessageAndPlace(restaurant.id, parts.u));
        return filed === undefined
          ? {
              told: { after: place.last, pending: '0' },
              state: pendingMessage(id, restaurant.restaurantId),
            }
          : {
              told: { after: filed.place.last, pending: filed.place.pending },
              state: messageBody(filed.view),
            };
      };
      const beginning = (await resumed(request, restaurant)) ?? (await begin());
      stream(request, reply, restaurant, parts.u, beginning);
    },
  });

  /** Throws a Problem where no stream can be opened for this key. Its verdict may be some seconds old: it is asked anew. */
  async function admit(request: FastifyRequest): Promise<void> {
    const { keyId } = principalOf(request);
    const refusal = hub.refusal(keyId);
    switch (refusal) {
      case undefined:
        break;
      case 'draining':
        throw new Problem('shutting_down', { headers: retryAfter });
      case 'too_many':
        throw new Problem('overloaded', { detail: 'too many event streams', headers: retryAfter });
      case 'too_many_of_key':
        throw new Problem('rate_limited', {
          detail: 'this key has as many event streams as it may',
          headers: retryAfter,
        });
      default:
        refusal satisfies never;
    }
    if (!(await ask(validKeys([keyId]))).has(keyId))
      throw new Problem('unauthorized', {
        headers: { 'www-authenticate': 'Bearer realm="mersal", error="invalid_token"' },
      });
  }

  async function resumed(request: FastifyRequest, restaurant: Restaurant): Promise<Beginning | undefined> {
    const given = request.headers['last-event-id'];
    const told = readEventId(typeof given === 'string' ? given : undefined);
    if (told === undefined) return undefined;
    const known = told.after === '0' || (await ask(ledger.hasEvent(restaurant.id, told.after)));
    return known ? { told } : undefined;
  }

  async function fresh(restaurant: Restaurant): Promise<Beginning> {
    const { last } = await ask(ledger.eventPlace(restaurant.id));
    const { restaurantId } = restaurant;
    return {
      told: { after: last, pending: '0' },
      state: { restaurantId, at: new Date(wallClock()).toISOString() },
    };
  }

  function stream(
    request: FastifyRequest,
    reply: FastifyReply,
    restaurant: Restaurant,
    u: string | null,
    { told, state }: Beginning,
  ): void {
    const { keyId } = principalOf(request);
    reply.hijack();
    const { raw } = reply;
    // Its reader went away meanwhile: nothing would tell of that a second time.
    if (raw.destroyed) return;
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      // The stream's end is the connection's: a draining service waits for none.
      connection: 'close',
    });
    raw.write(state === undefined ? RETRY : `${RETRY}${eventText('state', told, state)}`);
    const { id: tenant, restaurantId } = restaurant;
    const remove = hub.open({ keyId, tenant, restaurantId, u, told, sink: sinkOf(raw) });
    raw.once('close', remove);
  }
}

/** An answer that can't be written to any more takes what is written as read. */
function sinkOf(raw: ServerResponse): Sink {
  return {
    write: (text) => raw.destroyed || raw.write(text),
    ready: (then) => raw.once('drain', then),
    end: () => {
      // A slow reader would hold what is left for its sake.
      if (raw.writableNeedDrain) raw.destroy();
      else raw.end();
    },
  };
}
