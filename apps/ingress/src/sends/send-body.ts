import { z } from 'zod';
import { recipientAddress, whatsappAddress } from './phone-number.js';

export const MAX_TEXT_LENGTH = 1_600;
export const MAX_METADATA_BYTES = 4_096;
export const MAX_DEPTH = 16;
export const LONGEST_DELAY_MS = 30 * 86_400_000;
export const DEFAULT_PRIORITY = 5;

const phone = (isOne: (text: string) => boolean, description: string) =>
  z
    .string()
    .refine(isOne, {
      error: 'must be a phone number in E.164 form, like +966500000000',
      params: { code: 'phone_invalid' },
    })
    .meta({
      description,
      pattern: '^(whatsapp:)?\\+[1-9][0-9]{6,14}$',
      examples: ['+966500000000'],
    });
const isoTime = z.iso.datetime({ offset: true });
const instant = (description: string) =>
  z
    .string()
    .refine((text) => isoTime.safeParse(text).success, {
      error: 'must be a time in ISO 8601 with a zone, like 2026-01-31T18:00:00Z',
      params: { code: 'time_invalid' },
    })
    .meta({ description, format: 'date-time', examples: ['2026-01-31T18:00:00Z'] });
const wellFormed = z.string().refine((text) => text.isWellFormed(), {
  error: 'must be well-formed Unicode',
  params: { code: 'not_unicode' },
});

/** The body of POST /api/whatsapp/send. What one field says of another is in send-relations. */
/** As `\P{Cc}`, in a form that readers of the OpenAPI document can make texts of. */
// oxlint-disable-next-line no-control-regex
const NO_CONTROLS = /^[^\u0000-\u001f\u007f-\u009f]*$/;

export const sendBody = z
  .strictObject({
    phoneNumber: phone(
      (text) => recipientAddress(text) !== undefined,
      'the recipient in E.164 form; `whatsapp:` before it is allowed',
    ),
    text: wellFormed
      .min(1)
      .max(MAX_TEXT_LENGTH)
      .describe(`the message; length in UTF-16 units, as Twilio counts`)
      .optional(),
    contentSid: z
      .string()
      .regex(/^HX[0-9a-f]{32}$/, 'must be HX and 32 hex digits')
      .describe('an approved template by its SID')
      .optional(),
    template: z
      .string()
      .min(1)
      .max(128)
      .regex(NO_CONTROLS, 'must not hold control characters')
      .describe("a template of the restaurant's account by its name")
      .optional(),
    contentVariables: z
      .record(z.string().max(128), wellFormed)
      .describe("the template's variables: texts by name")
      .optional(),
    conversationId: z
      .string()
      .min(1)
      .max(128)
      .regex(NO_CONTROLS, 'must not hold control characters')
      .describe('messages of one conversation are sent in order; default: derived from the two numbers')
      .optional(),
    fromNumber: phone(
      (text) => whatsappAddress(text) !== undefined,
      "one of the restaurant's numbers; default its first",
    ).optional(),
    priority: z
      .int()
      .min(0)
      .max(10)
      .describe(`higher is sent earlier; default ${DEFAULT_PRIORITY}`)
      .optional(),
    sendAt: instant(
      'not before this time, up to 30 days ahead; a time that has passed means at once',
    ).optional(),
    expiresAt: instant('not after this time').optional(),
    metadata: z
      .record(z.string(), z.unknown())
      .describe(`given back with the message; up to ${MAX_METADATA_BYTES} bytes of JSON`)
      .optional(),
    restaurantId: z
      .string()
      .min(1)
      .max(64)
      .describe('for platform keys only, and for them mandatory')
      .optional(),
  })
  .meta({
    description: 'A message: `text`, or `contentSid` or `template` with `contentVariables`',
    oneOf: [{ required: ['text'] }, { required: ['contentSid'] }, { required: ['template'] }],
  });
export type SendBody = z.infer<typeof sendBody>;
