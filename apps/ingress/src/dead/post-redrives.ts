import type { Publisher } from '@mersal/kafka';
import { auditRow, type Database, type DeadFilter, type DeadPlace, type Ledger } from '@mersal/ledger';
import { Pace, redrive, uOfLetter } from '@mersal/recovery';
import { traceparentOf } from '@mersal/telemetry';
import { z } from 'zod';
import { actorOf } from '../admin/admin-options.js';
import { principalOf } from '../auth/authenticate.js';
import { Problem } from '../problems/problem.js';
import { problemResponses } from '../problems/problem-schema.js';
import type { Routes } from '../routes.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import { decodePlace, encodePlace } from './dead-letter-body.js';
import { filterOf, selection } from './dead-routes.js';

export interface RedriveRoutesOptions {
  readonly database: Database;
  readonly ledger: Pick<Ledger, 'listDead'>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly publisher: Pick<Publisher, 'publish'>;
  /** The retry topic. */
  readonly topic: string;
  readonly partitions: number;
  readonly source: string;
  readonly wallClock: () => number;
}

/** Of one request; it takes some seconds at most. */
const MOST = 1_000;
/** Messages published a second. */
const PER_SECOND = 200;

const body = z.strictObject({
  all: z.literal(true).optional(),
  ids: z.array(z.string().max(64)).min(1).max(MOST).optional(),
  ...selection,
  priority: z
    .union([z.int().min(0).max(10), z.literal('keep')])
    .describe('of the messages from now on; 0: behind live ones')
    .default(0),
  dryRun: z.boolean().default(false),
  cursor: z.string().min(1).max(100).describe('`next` of the answer before').optional(),
});
const answer = z.object({
  matched: z.int(),
  sent: z.int().describe('published; in a dry run, what would be'),
  skipped: z.int(),
  reasons: z.record(z.string(), z.int()),
  next: z.string().nullable().describe('where to go on: one request puts 1,000 back at most'),
});

/** POST /api/redrives */
export function redriveRoutes({ app, auth }: Routes, options: RedriveRoutesOptions): void {
  const { database, ledger, tenants, publisher, topic, partitions, source, wallClock } = options;
  app.route<{ Body: z.infer<typeof body> }>({
    method: 'POST',
    url: '/api/redrives',
    onRequest: auth('admin'),
    schema: {
      tags: ['dead letters'],
      security: [{ key: [] }],
      operationId: 'redrive',
      summary: 'Put dead messages back, each once',
      body,
      response: {
        200: answer,
        ...problemResponses(
          'validation_failed',
          'unauthorized',
          'forbidden',
          'not_found',
          'queue_unavailable',
          'store_unavailable',
        ),
      },
    },
    handler: async (request) => {
      const { all, ids, code, priority, dryRun, cursor } = request.body;
      if ([all, ids, code].filter((one) => one !== undefined).length !== 1) {
        const message = 'name one of all, ids and code';
        throw new Problem('validation_failed', { errors: [{ pointer: '', code: 'required', message }] });
      }
      const filter: DeadFilter = {
        ...(await filterOf(tenants, request.body)),
        ...(ids === undefined ? {} : { us: ids.map(requireU) }),
      };
      // What dies while this runs is not part of it.
      const [clock] = await database.run({
        name: 'redrive-now',
        text: 'select extract(epoch from clock_timestamp()) * 1000 as now',
        values: [],
      });
      const bounded = { ...filter, to: filter.to ?? Number(clock?.['now']) };
      const actor = actorOf(principalOf(request));
      const from = cursor === undefined ? undefined : decodePlace(cursor);
      const subject = ids ? ids.join(',').slice(0, 500) : (code ?? 'all');
      const { restaurantId, from: since, to } = request.body;
      const asked = { restaurantId, from: since, to, priority };
      // Before anything is published: whoever put messages back is known even where this ends before its own end.
      if (!dryRun) await database.run(auditRow(actor, 'dead.redrive', subject, asked));
      const done = await redrive<DeadPlace>(
        {
          list: (after, most) => ledger.listDead(bounded, { most, order: 'oldest', after }),
          publish: (records) => publisher.publish(records),
          pace: new Pace({ perSecond: PER_SECOND }),
          to: { topic, partitions, source },
          wallClock,
        },
        {
          by: actor,
          operation: traceparentOf(),
          priority: priority === 'keep' ? undefined : priority,
          dryRun,
          most: MOST,
        },
        from,
      );
      const { next, ...tally } = done;
      if (!dryRun) await database.run(auditRow(actor, 'dead.redriven', subject, { ...asked, ...tally }));
      return { ...tally, next: next === undefined ? null : encodePlace(next) };
    },
  });
}

function requireU(id: string, at: number): string {
  const u = uOfLetter(id);
  if (u === undefined) {
    const message = 'is not the id of a dead letter';
    throw new Problem('validation_failed', {
      errors: [{ pointer: `/ids/${at}`, code: 'wrong_form', message }],
    });
  }
  return u;
}
