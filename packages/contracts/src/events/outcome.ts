import { z } from 'zod';
import { OUTCOME_STATES } from '../states.js';
import * as f from './fields.js';

/**
 * `mersal.message.outcome.v1`: one step in a message's life. Seen at least once by every consumer; the id
 * (message, redrive, attempt, state) is equal when it is seen again.
 */
export const messageOutcome = z.object({
  restaurantId: f.restaurantId,
  messageId: f.messageIdText,
  conversationId: f.conversationIdText,
  redrive: f.counter,
  attempt: f.counter,
  state: z.enum(OUTCOME_STATES),
  at: f.timeMs,
  sid: f.providerSid.optional(),
  accountSid: f.accountSid.optional(),
  error: z.object({ class: z.string(), code: z.int().optional(), message: z.string().optional() }).optional(),
  startedAt: f.timeMs.optional(),
  notBefore: f.timeMs.optional(),
});
export type MessageOutcome = z.infer<typeof messageOutcome>;
