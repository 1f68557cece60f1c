import { decodeEvent, joinMessageId, type SendRequested, UndecodableRecord } from '@mersal/contracts';
import type { MessageView } from '@mersal/ledger';
import { traceIdOf } from '@mersal/telemetry';
import { z } from 'zod';
import { timeText } from '../requests/time-text.js';
import { type TimelineEntry, timelineOf } from './timeline.js';

export const messageSummarySchema = z.object({
  id: z.string(),
  status: z
    .string()
    .describe(
      'queued, scheduled, sending, retrying, held, unknown, sent, delivered, read, failed, dead, cancelled or expired',
    ),
  restaurantId: z.string(),
  conversationId: z.string().nullable(),
  priority: z.int().nullable(),
  attempts: z.array(
    z.object({
      attempt: z.int(),
      outcome: z.string(),
      startedAt: timeText,
      finishedAt: timeText.nullable(),
      httpStatus: z.int().nullable(),
      code: z.int().nullable(),
      sid: z.string().nullable(),
    }),
  ),
  sid: z.string().nullable().describe("the provider's id, once it accepted the message"),
  error: z.object({ class: z.string(), code: z.int().nullable() }).nullable(),
  redrives: z.int(),
  erased: z.boolean().describe('all but its id and its end is gone: by retention, or on request'),
  acceptedAt: timeText.nullable(),
  changedAt: timeText.nullable(),
  sendAt: timeText.nullable(),
  expiresAt: timeText.nullable(),
  traceId: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
});
export const messageSchema = messageSummarySchema.extend({
  timeline: z.array(
    z.object({
      at: timeText,
      event: z.string(),
      attempt: z.int().optional(),
      outcome: z.string().optional(),
      sid: z.string().optional(),
      code: z.int().optional(),
    }),
  ),
});
export type MessageSummary = z.infer<typeof messageSummarySchema>;
export type MessageBody = z.infer<typeof messageSchema>;

/** A filed message as the API shows it: never its text or a number. */
export function messageSummary(view: MessageView): MessageSummary {
  const send = sendOf(view);
  return {
    id: joinMessageId(view.u, view.tag),
    status: view.status,
    restaurantId: view.restaurantId,
    // One that was cancelled before it was filed is known by its id alone.
    conversationId: view.conversation === '' ? null : view.conversation,
    priority: view.priority,
    attempts: view.attempts.map((attempt) => ({
      attempt: attempt.attempt,
      outcome: attempt.outcome,
      startedAt: isoTime(attempt.startedAt),
      finishedAt: isoOrNull(attempt.finishedAt),
      httpStatus: attempt.httpStatus,
      code: attempt.code,
      sid: attempt.sid,
    })),
    sid: view.sid,
    error: view.error,
    redrives: view.redrive,
    erased: view.erased,
    acceptedAt: isoTime(view.acceptedAt),
    changedAt: isoTime(view.changedAt),
    sendAt: isoOrNull(send?.sendAt ?? view.sendAt),
    expiresAt: isoOrNull(view.expiresAt),
    traceId: traceIdOf(view.headers['traceparent']) ?? null,
    metadata: send?.metadata ?? null,
  };
}

export function messageBody(view: MessageView): MessageBody {
  const timeline: TimelineEntry[] = timelineOf(view);
  return { ...messageSummary(view), timeline };
}

/** A message that is in the log and not in the ledger yet: what its id alone can tell. */
export function pendingMessage(id: string, restaurantId: string): MessageBody {
  return {
    id,
    status: 'queued',
    restaurantId,
    conversationId: null,
    priority: null,
    attempts: [],
    sid: null,
    error: null,
    redrives: 0,
    erased: false,
    acceptedAt: null,
    changedAt: null,
    sendAt: null,
    expiresAt: null,
    traceId: null,
    metadata: null,
    timeline: [],
  };
}

function sendOf({ record, headers }: MessageView): SendRequested | undefined {
  if (record === null) return undefined;
  try {
    const event = decodeEvent(headers, record);
    return event.type === 'mersal.send.requested.v1' ? event.data : undefined;
  } catch (error) {
    // Erased, or filed by another version: the rest of the message is still worth telling.
    if (error instanceof UndecodableRecord) return undefined;
    throw error;
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : isoTime(ms);
}
