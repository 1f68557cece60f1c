import type { TenantView } from '@mersal/ledger';
import { z } from 'zod';
import type { Fault } from '../problems/problem.js';
import { timeText } from '../requests/time-text.js';
import { whatsappAddress } from '../sends/phone-number.js';

export const restaurantIdText = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/,
    'must be 1 to 64 letters, digits, dots, colons, dashes or underscores',
  );
const number = z
  .string()
  .refine((text) => whatsappAddress(text) !== undefined, {
    error: 'must be a phone number in E.164 form, like +966500000000',
    params: { code: 'phone_invalid' },
  })
  .transform((text) => whatsappAddress(text) ?? text);
const name = z.string().min(1).max(200).describe('shown to operators');
const fromNumbers = z
  .array(number)
  .min(1)
  .max(100)
  .describe('its sender numbers, E.164, `whatsapp:` before them allowed; the first is the default');
const accountSid = z.string().regex(/^AC[0-9a-fA-F]{32}$/, 'must be AC and 32 hex digits');
const authToken = z
  .string()
  .min(1)
  .max(200)
  .describe("the account's primary token; it is encrypted and never shown");
const limits = {
  concurrency: z
    .int()
    .min(1)
    .max(1_000)
    .nullable()
    .describe('most requests under way; null: the default')
    .optional(),
  ratePerSecond: z.number().min(0.001).max(1_000).nullable().describe('null: the default').optional(),
  onDead: z.enum(['skip', 'hold']).describe('what waits behind a dead message goes on, or waits').optional(),
  onUnknown: z
    .enum(['wait', 'resend'])
    .describe('a message whose outcome can not be told waits for an operator, or is sent again')
    .optional(),
};

export const newTenantBody = z.strictObject({
  restaurantId: restaurantIdText,
  name: name.optional(),
  accountSid,
  authToken,
  fromNumbers,
  ...limits,
});
export const tenantChangeBody = z.strictObject({
  name: name.optional(),
  accountSid: accountSid.optional(),
  authToken: authToken.optional(),
  fromNumbers: fromNumbers.optional(),
  ...limits,
});
export const suspendBody = z.strictObject({ reason: z.string().min(1).max(500) });

/** An account without its token could not be used; nothing at all is likely a mistake. */
export function changeRelations(given: Readonly<Record<string, unknown>>): Fault[] {
  const faults: Fault[] = [];
  if (given['accountSid'] !== undefined && given['authToken'] === undefined)
    faults.push({
      pointer: '/authToken',
      code: 'required',
      message: 'an account is given with its token',
    });
  if (Object.keys(given).length === 0)
    faults.push({ pointer: '', code: 'empty', message: 'there is nothing to change' });
  return faults;
}

export const tenantSchema = z.object({
  restaurantId: z.string(),
  name: z.string(),
  status: z.enum(['active', 'paused', 'suspended']),
  statusReason: z.string().nullable(),
  suspendedBy: z
    .string()
    .nullable()
    .describe("the operator who did; null: the provider's answers, or it is not"),
  accountSid: z.string(),
  fromNumbers: z.array(z.string()),
  concurrency: z.int().nullable(),
  ratePerSecond: z.number().nullable(),
  onDead: z.enum(['skip', 'hold']),
  onUnknown: z.enum(['wait', 'resend']),
  pause: z.object({ until: timeText.nullable().describe('null: until it is lifted') }).nullable(),
  partition: z.int(),
  createdAt: timeText,
  changedAt: timeText,
});

export function tenantBody(view: TenantView): z.infer<typeof tenantSchema> {
  const { id: _id, pausedUntil, createdAt, changedAt, ...shown } = view;
  return {
    ...shown,
    fromNumbers: [...view.fromNumbers],
    pause:
      pausedUntil === null
        ? null
        : { until: Number.isFinite(pausedUntil) ? new Date(pausedUntil).toISOString() : null },
    createdAt: new Date(createdAt).toISOString(),
    changedAt: new Date(changedAt).toISOString(),
  };
}
