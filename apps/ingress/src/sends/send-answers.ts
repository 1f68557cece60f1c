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
