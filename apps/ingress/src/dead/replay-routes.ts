import { type Database, listReplays, readReplay, type ReplayState } from '@mersal/ledger';
import { z } from 'zod';
import { actorOf } from '../admin/admin-options.js';
import { principalOf } from '../auth/authenticate.js';
import { Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import type { Replays } from './replays.js';

export interface ReplayRoutesOptions {
  readonly database: Database;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly replays: Pick<Replays, 'begin' | 'resume'>;
}

const replaySchema = z.object({
  id: z.string(),
  state: z
    .enum(['running', 'interrupted', 'ended'])
    .describe('interrupted: no process runs it, and it can be resumed'),
  by: z.string(),
  restaurantId: z.string().nullable(),
  matched: z.int(),
  sent: z.int(),
  skipped: z.int(),
  reasons: z.record(z.string(), z.int()).describe('the skipped ones, by what is known of them'),
  begunAt: timeText,
  savedAt: timeText,
  endedAt: timeText.nullable(),
});
const body = z.strictObject({
  from: z.iso.datetime({ offset: true }).describe('accepted since').optional(),
  to: z.iso.datetime({ offset: true }).describe('accepted before; default: now').optional(),
  restaurantId: z.string().min(1).max(64).describe("one restaurant's only").optional(),
  resume: z.uuid().describe('the id of one that was interrupted').optional(),
});
const params = z.object({ id: z.uuid() });
const SHARED = { tags: ['dead letters'], security: [{ key: [] }] };
const PROBLEMS = ['unauthorized', 'forbidden', 'store_unavailable'] as const;
const MOST_LISTED = 100;

function replayBody(state: ReplayState): z.infer<typeof replaySchema> {
  const time = (ms: number): string => new Date(ms).toISOString();
  return {
    id: state.id,
    state: state.endedAt !== null ? 'ended' : state.held ? 'running' : 'interrupted',
    by: state.actor,
    restaurantId: state.restaurantId,
    ...state.tally,
    begunAt: time(state.begunAt),
    savedAt: time(state.savedAt),
    endedAt: state.endedAt === null ? null : time(state.endedAt),
  };
}

/** POST and GET /api/replays, GET /api/replays/:id */
export function replayRoutes({ app, auth }: Routes, options: ReplayRoutesOptions): void {
  const { database, tenants, replays } = options;
  const read = async (id: string): Promise<ReplayState> => {
    const state = await readReplay(database, id);
    if (state === undefined) throw new Problem('not_found');
    return state;
  };

  app.route<{ Body: z.infer<typeof body> }>({
    method: 'POST',
    url: '/api/replays',
    onRequest: auth('admin'),
    schema: {
      ...SHARED,
      operationId: 'replay',
      summary: 'Read the log again in the background and publish what the ledger lacks; never what was sent',
      body,
      response: {
        202: replaySchema,
        ...problemResponses('validation_failed', 'not_found', 'conflict', 'shutting_down', ...PROBLEMS),
      },
    },
    handler: async (request, reply) => {
      const { from, to, restaurantId, resume } = request.body;
      const actor = actorOf(principalOf(request));
      if ((from === undefined) === (resume === undefined)) {
        const message = 'name one of from and resume';
        throw new Problem('validation_failed', { errors: [{ pointer: '', code: 'required', message }] });
      }
      let id = resume;
      if (resume !== undefined) {
        const state = await read(resume);
        if (state.endedAt !== null) throw new Problem('conflict', { detail: 'that replay has ended' });
        await replays.resume(resume, actor);
      } else if (from !== undefined) {
        if (restaurantId !== undefined && (await tenants.find(restaurantId)) === undefined)
          throw new Problem('not_found');
        const until = to === undefined ? undefined : Date.parse(to);
        id = await replays.begin({ actor, from: Date.parse(from), to: until, restaurantId });
      }
      const state = await read(id ?? '');
      return reply.status(202).header('location', `/api/replays/${state.id}`).send(replayBody(state));
    },
  });

  app.route({
    method: 'GET',
    url: '/api/replays',
    onRequest: auth('admin'),
    schema: {
      ...SHARED,
      operationId: 'listReplays',
      summary: 'Replays, newest first',
      response: { 200: z.object({ items: z.array(replaySchema) }), ...problemResponses(...PROBLEMS) },
    },
    handler: async () => ({ items: (await listReplays(database, MOST_LISTED)).map(replayBody) }),
  });

  app.route<{ Params: z.infer<typeof params> }>({
    method: 'GET',
    url: '/api/replays/:id',
    onRequest: auth('admin'),
    schema: {
      ...SHARED,
      operationId: 'getReplay',
      summary: 'One replay, with how far it came',
      params,
      response: {
        200: replaySchema,
        ...problemResponses('validation_failed', 'not_found', ...PROBLEMS),
      },
    },
    handler: async (request) => replayBody(await read(request.params.id)),
  });
}
