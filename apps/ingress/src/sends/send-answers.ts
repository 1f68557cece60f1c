import { z } from 'zod';
import { timeText } from '../requests/time-text.js';

export const acceptedSchema = z.object({
  id: z.string(),
  status: z.literal('queued'),
  restaurantId: z.string(),
  conversationId: z.string(),
  priority: z.int(),
  acceptedAt: timeText,
  sendAt: timeText.optional(),
  expiresAt: timeText.optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** Without the queue: the caller has waited for the provider's answer. */
export const directSchema = acceptedSchema.extend({
  status: z.enum(['sent', 'unknown', 'queued']),
  sid: z.string().optional(),
});

export const idempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .regex(/^[!-~]+$/)
    .describe(
      'visible ASCII; the same key and body give the same id. In a batch it counts for each item by its place',
    )
    .optional(),
});
