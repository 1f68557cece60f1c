import { listAudit } from '@mersal/ledger';
import { z } from 'zod';
import { problemResponses } from '../problems/problem-schema.js';
import { within } from '../requests/deadline.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import type { AdminOptions } from './admin-options.js';
import { pageOf, pageQuery, readCursor, toPage } from './page.js';

const query = pageQuery.extend({
  subject: z.string().min(1).max(128).describe('one restaurant, key or message').optional(),
});
const entry = z.object({
  at: timeText,
  actor: z.string().describe('`cli:<user>`, `key:<id>` or `first-admin`'),
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.unknown()),
});

/** GET /api/audit */
export function auditRoute(
  { app, auth }: Routes,
  { database, timeoutMs }: Pick<AdminOptions, 'database' | 'timeoutMs'>,
): void {
  app.route<{ Querystring: z.infer<typeof query> }>({
    method: 'GET',
    url: '/api/audit',
    onRequest: auth('admin'),
    schema: {
      operationId: 'listAudit',
      summary: 'Who changed what',
      tags: ['audit'],
      security: [{ key: [] }],
      querystring: query,
      response: {
        200: pageOf(entry, 'newest first'),
        ...problemResponses('validation_failed', 'unauthorized', 'forbidden', 'store_unavailable'),
      },
    },
    handler: async (request) => {
      const { limit, cursor, subject = null } = request.query;
      const before = readCursor(cursor, /^\d{1,18}$/)?.[0];
      const rows = await within(
        'ledger',
        timeoutMs,
        listAudit(database, { subject, most: limit + 1, before }),
      );
      return toPage(
        rows,
        limit,
        ({ n: _n, at, ...shown }) => ({ at: new Date(at).toISOString(), ...shown }),
        ({ n }) => n,
      );
    },
  });
}
