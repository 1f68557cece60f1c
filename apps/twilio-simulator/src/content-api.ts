import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { SimulatedAccount } from './accounts.js';
import { type Content, type ContentStore, contentResource } from './content-store.js';
import { pageNumber } from './messages-api.js';
import { ProviderError } from './provider-error.js';

const HOST = 'https://content.twilio.com';

// the provider reads snake_case only: a body in the SDK's own camelCase lacks `types` fields and is refused
const createSchema = z.object({
  friendly_name: z.string().max(450).optional(),
  language: z.string().min(2),
  variables: z.record(z.string(), z.string()).optional(),
  types: z
    .record(z.string().regex(/^(twilio|whatsapp)\//), z.record(z.string(), z.unknown()))
    .refine((types) => Object.keys(types).length > 0, 'at least one type'),
});

const approvalSchema = z.object({
  name: z.string().regex(/^[a-z0-9_]+$/),
  category: z.enum(['UTILITY', 'MARKETING', 'AUTHENTICATION']),
});

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Content, `/v1/Content…`: JSON in and out, absolute URLs in its paging. */
export function contentApi(
  request: {
    readonly method: string;
    readonly path: string;
    readonly query: URLSearchParams;
    readonly body: string;
  },
  account: SimulatedAccount,
  store: ContentStore,
  nowMs: number,
): ApiAnswer {
  const parts = request.path.split('/').slice(3);
  const [sid, approvals, channel] = parts;
  const { method } = request;
  if (sid === undefined) {
    if (method === 'POST')
      return { status: 201, body: contentResource(create(request.body, account, store, nowMs)) };
    if (method === 'GET') return { status: 200, body: list(request.query, account, store) };
    throw notAllowed();
  }
  const content = store.get(account.accountSid, sid);
  if (!content) throw new ProviderError(404, 20404, `The requested resource ${request.path} was not found`);
  if (approvals === undefined) {
    if (method === 'GET') return { status: 200, body: contentResource(content) };
    if (method === 'DELETE') {
      store.delete(sid);
      return { status: 204, body: undefined };
    }
    throw notAllowed();
  }
  if (approvals !== 'ApprovalRequests') throw new ProviderError(404, 20404, 'not found');
  if (method === 'POST' && channel === 'whatsapp')
    return { status: 201, body: submit(request.body, content) };
  if (method === 'GET' && channel === undefined) return { status: 200, body: approval(content) };
  throw notAllowed();
}

function create(body: string, account: SimulatedAccount, store: ContentStore, nowMs: number): Content {
  const parsed = createSchema.safeParse(json(body));
  if (!parsed.success)
    throw new ProviderError(400, 20001, `Invalid content: ${z.prettifyError(parsed.error)}`);
  const content: Content = {
    sid: `HX${randomUUID().replaceAll('-', '')}`,
    accountSid: account.accountSid,
    friendlyName: parsed.data.friendly_name ?? '',
    language: parsed.data.language,
    variables: parsed.data.variables ?? {},
    types: parsed.data.types,
    dateCreatedMs: nowMs,
    approval: null,
  };
  store.add(content);
  return content;
}

function list(query: URLSearchParams, account: SimulatedAccount, store: ContentStore) {
  const pageSize = pageNumber(query.get('PageSize'), 50, 1, 1_000);
  const page = pageNumber(query.get('Page'), 0, 0, Number.MAX_SAFE_INTEGER);
  const all = store.ofAccount(account.accountSid);
  const token = query.get('PageToken');
  const start = token === null ? 0 : all.findIndex((content) => `PA${content.sid}` === token) + 1;
  if (token !== null && start === 0) throw new ProviderError(400, 20001, 'PageToken is not valid');
  const shown = all.slice(start, start + pageSize);
  const last = shown.at(-1);
  const url = (index: number, next?: string): string =>
    `${HOST}/v1/Content?PageSize=${pageSize}&Page=${index}${next ? `&PageToken=${next}` : ''}`;
  return {
    contents: shown.map(contentResource),
    meta: {
      first_page_url: url(0),
      key: 'contents',
      next_page_url: last && start + pageSize < all.length ? url(page + 1, `PA${last.sid}`) : null,
      page,
      page_size: pageSize,
      previous_page_url: null,
      url: url(page, token ?? undefined),
    },
  };
}

function submit(body: string, content: Content) {
  const parsed = approvalSchema.safeParse(json(body));
  if (!parsed.success)
    throw new ProviderError(400, 20001, `Invalid approval: ${z.prettifyError(parsed.error)}`);
  if (content.approval)
    throw new ProviderError(400, 92009, 'The template associated with this SID has already been submitted');
  content.approval = { ...parsed.data, status: 'received' };
  return {
    allow_category_change: true,
    category: content.approval.category,
    content_type: Object.keys(content.types)[0] ?? '',
    name: content.approval.name,
    rejection_reason: '',
    status: content.approval.status,
  };
}

function approval(content: Content) {
  return {
    account_sid: content.accountSid,
    sid: content.sid,
    url: `${HOST}/v1/Content/${content.sid}/ApprovalRequests`,
    whatsapp: {
      allow_category_change: true,
      category: content.approval?.category ?? '',
      content_type: Object.keys(content.types)[0] ?? '',
      name: content.approval?.name ?? '',
      rejection_reason: '',
      status: content.approval?.status ?? 'unsubmitted',
      type: 'whatsapp',
    },
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProviderError(400, 20001, 'The body is not JSON');
  }
}

function notAllowed(): ProviderError {
  return new ProviderError(405, 20004, 'Method not allowed');
}
