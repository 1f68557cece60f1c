import { z } from 'zod';
import { PROVIDER_STATUSES } from '../states.js';
import * as f from './fields.js';

/** `mersal.callback.received.v1`: a status callback whose signature was good. Not yet matched to a message. */
export const callbackReceived = z.object({
  restaurantId: f.restaurantId,
  messageId: f.messageIdText,
  attempt: f.counter,
  accountSid: f.accountSid,
  sid: f.providerSid,
  status: z.enum(PROVIDER_STATUSES),
  errorCode: z.int().optional(),
  contentSid: f.providerSid.optional().describe("what the message's named template stood for"),
  receivedAt: f.timeMs,
});
export type CallbackReceived = z.infer<typeof callbackReceived>;
