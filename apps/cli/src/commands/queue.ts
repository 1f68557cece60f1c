import { joinMessageId } from '@mersal/contracts';
import { createPostgresLedger, type MessageView } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { findMessage } from './find.js';

/** Counted in the ledger itself: right also while ingress is away. What is not admitted yet is not in it. */
export async function queueMetrics(env: Environment): Promise<Report> {
  return withDatabase(env, async (database) => {
    const counts = await createPostgresLedger(database).counts();
    const { tenantConcurrency, ...numbers } = counts;
    return report(
      counts,
      [
        table(['state', 'messages'], Object.entries(numbers)),
        '',
        table(
          ['restaurant', 'active', 'limit'],
          Object.entries(tenantConcurrency).map(([id, one]) => [id, one.active, one.limit ?? 'default']),
          'no request is under way at the provider',
        ),
      ].join('\n'),
    );
  });
}

/** One message's story. Neither its text nor its recipient is in it. */
export async function queueMessage(env: Environment, id: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const { tenant, u } = await findMessage(database, id);
    const view = await createPostgresLedger(database).readMessage(tenant, u);
    if (!view) throw new CliError('message_unknown', 'the ledger has no such message (or not yet)');
    const { record: _record, headers, ...story } = view;
    const traceparent = headers['traceparent'];
    const traceId = traceparent?.split('-')[1] ?? null;
    return report({ id: joinMessageId(view.u, view.tag), ...story, traceId }, storyText(view, traceId));
  });
}

function storyText(view: MessageView, traceId: string | null): string {
  const at = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  const events: [number, string][] = [
    [view.acceptedAt, 'accepted'],
    ...view.attempts.map((a): [number, string] => [a.startedAt, `attempt ${a.attempt} began`]),
    ...view.attempts.flatMap((a): [number, string][] =>
      a.finishedAt === null
        ? []
        : [
            [
              a.finishedAt,
              `attempt ${a.attempt}: ${[a.outcome, a.httpStatus && `HTTP ${a.httpStatus}`, a.code && `code ${a.code}`, a.sid].filter(Boolean).join(', ')}`,
            ],
          ],
    ),
    ...view.callbacks.map((c): [number, string] => [
      c.receivedAt,
      `callback: ${c.status}${c.code === null ? '' : `, code ${c.code}`}`,
    ]),
  ];
  return [
    table(
      ['message', joinMessageId(view.u, view.tag)],
      [
        ['restaurant', view.restaurantId],
        ['status', view.status],
        ['priority', view.priority],
        ['conversation', view.conversation],
        ['provider sid', view.sid],
        ['error', view.error && [view.error.class, view.error.code].filter((x) => x !== null).join(' ')],
        ['redrives', view.redrive],
        ['send at', at(view.sendAt)],
        ['expires at', at(view.expiresAt)],
        ['trace', traceId],
      ],
    ),
    '',
    table(
      ['time', 'what'],
      events.toSorted((a, b) => a[0] - b[0]).map(([ms, what]) => [at(ms), what]),
    ),
  ].join('\n');
}
