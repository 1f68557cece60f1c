import { z } from 'zod';

/** The success responses as the provider's OpenAPI documents list them, every field required as the API sends them all. */
const rfc2822 = z
  .string()
  .regex(
    /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d \+0000$/,
  );
const accountSid = z.string().regex(/^AC[0-9a-fA-F]{32}$/);
const contentSid = z.string().regex(/^HX[0-9a-fA-F]{32}$/);

export const messageShape = z.strictObject({
  account_sid: accountSid,
  api_version: z.literal('2010-04-01'),
  body: z.string().nullable(),
  date_created: rfc2822.nullable(),
  date_sent: rfc2822.nullable(),
  date_updated: rfc2822.nullable(),
  direction: z.enum(['inbound', 'outbound-api', 'outbound-call', 'outbound-reply']),
  error_code: z.int().nullable(),
  error_message: z.string().nullable(),
  from: z.string().nullable(),
  messaging_service_sid: z
    .string()
    .regex(/^MG[0-9a-fA-F]{32}$/)
    .nullable(),
  num_media: z.string(),
  num_segments: z.string(),
  price: z.string().nullable(),
  price_unit: z.string().nullable(),
  sid: z.string().regex(/^(SM|MM)[0-9a-fA-F]{32}$/),
  status: z.enum([
    'queued',
    'sending',
    'sent',
    'failed',
    'delivered',
    'undelivered',
    'receiving',
    'received',
    'accepted',
    'scheduled',
    'read',
    'partially_delivered',
    'canceled',
  ]),
  subresource_uris: z.record(z.string(), z.string()),
  to: z.string().nullable(),
  uri: z.string(),
});

export const messageListShape = z.strictObject({
  end: z.int(),
  first_page_uri: z.string(),
  messages: z.array(messageShape),
  next_page_uri: z.string().nullable(),
  page: z.int(),
  page_size: z.int(),
  previous_page_uri: z.string().nullable(),
  start: z.int(),
  uri: z.string(),
});

export const contentShape = z.strictObject({
  account_sid: accountSid,
  date_created: z.iso.datetime(),
  date_updated: z.iso.datetime(),
  friendly_name: z.string().nullable(),
  language: z.string().nullable(),
  links: z.record(z.string(), z.url()),
  sid: contentSid,
  types: z.record(z.string(), z.unknown()),
  url: z.url(),
  variables: z.record(z.string(), z.string()),
});

export const contentListShape = z.strictObject({
  contents: z.array(contentShape),
  meta: z.strictObject({
    first_page_url: z.url(),
    key: z.literal('contents'),
    next_page_url: z.url().nullable(),
    page: z.int(),
    page_size: z.int(),
    previous_page_url: z.url().nullable(),
    url: z.url(),
  }),
});

export const approvalCreateShape = z.strictObject({
  allow_category_change: z.boolean(),
  category: z.string(),
  content_type: z.string(),
  name: z.string(),
  rejection_reason: z.string(),
  status: z.string(),
});

export const approvalFetchShape = z.strictObject({
  account_sid: accountSid,
  sid: contentSid,
  url: z.url(),
  whatsapp: approvalCreateShape.extend({ type: z.literal('whatsapp') }),
});

export const errorShape = z.strictObject({
  code: z.int(),
  message: z.string(),
  more_info: z.url(),
  status: z.int(),
});
