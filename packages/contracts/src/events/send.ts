import { z } from 'zod';
import * as f from './fields.js';

export const textContent = z.object({ kind: z.literal('text'), text: z.string().min(1) });
export const templateSidContent = z.object({
  kind: z.literal('contentSid'),
  contentSid: f.contentSid,
  contentVariables: z.record(z.string(), z.string()),
});
export const templateNameContent = z.object({
  kind: z.literal('template'),
  template: z.string().min(1).max(128),
  contentVariables: z.record(z.string(), z.string()),
});
export const sendContent = z.discriminatedUnion('kind', [
  textContent,
  templateSidContent,
  templateNameContent,
]);

/** `mersal.send.requested.v1`: a send that was, or is about to be, answered with 202. */
export const sendRequested = z.object({
  restaurantId: f.restaurantId,
  messageId: f.messageIdText,
  conversationId: f.conversationIdText,
  to: f.whatsappAddress,
  from: f.whatsappAddress,
  content: sendContent,
  priority: z.int().min(0).max(10),
  acceptedAt: f.timeMs,
  sendAt: f.timeMs.optional(),
  expiresAt: f.timeMs.optional(),
  /** SHA-256 of the request before defaults were filled in, hex: tells a repeat from a conflict. */
  bodyHash: z.string().regex(/^[0-9a-f]{64}$/),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** `mersal.send.retry.v1`: attempt `attempt` failed in a way that may be repeated at `notBefore`. */
export const sendRetry = z.object({
  restaurantId: f.restaurantId,
  messageId: f.messageIdText,
  redrive: f.counter,
  attempt: f.counter,
  notBefore: f.timeMs,
  lastError: z.object({ class: z.string(), code: z.int().optional() }).optional(),
});

/**
 * `mersal.send.redrive.v1`: an operator puts a dead message back; `redrive` is the count it has now. `priority`: its new one, so
 * that it goes behind what is accepted now.
 */
export const sendRedrive = z.object({
  restaurantId: f.restaurantId,
  messageId: f.messageIdText,
  redrive: f.counter,
  requestedBy: z.string(),
  priority: z.int().min(0).max(10).optional(),
});

export type SendContent = z.infer<typeof sendContent>;
export type SendRequested = z.infer<typeof sendRequested>;
export type SendRetry = z.infer<typeof sendRetry>;
export type SendRedrive = z.infer<typeof sendRedrive>;
