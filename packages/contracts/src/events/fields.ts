import { z } from 'zod';
import { isStorable } from './storable.js';

/** Milliseconds since 1970, UTC. */
export const timeMs = z.int().min(0).describe('milliseconds since 1970-01-01T00:00:00Z');
export const restaurantId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/)
  .describe('the tenant');
export const messageIdText = z
  .string()
  .regex(/^[0-9a-f]{32}-[0-9a-z][0-9a-f]{12}$/)
  .describe('the message, as the API returned it');
export const whatsappAddress = z
  .string()
  .regex(/^whatsapp:\+[1-9][0-9]{6,14}$/)
  .describe('whatsapp: and an E.164 number');
// Wider than Twilio's own form today (two letters and 32 hex digits): an evidence of delivery is never refused for its looks.
export const accountSid = z.string().regex(/^[A-Za-z0-9_-]{3,64}$/);
export const providerSid = z.string().regex(/^[A-Za-z0-9_-]{3,64}$/);
export const contentSid = z.string().regex(/^HX[0-9a-f]{32}$/);
export const conversationIdText = z.string().min(1).max(128);
export const counter = z.int().min(0);

/** Text that the stores keep as it is. */
export const storable = (most: number) =>
  z.string().max(most).refine(isStorable, 'must hold neither NUL nor half a character');
