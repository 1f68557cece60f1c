import type { Pipeline, PipelineTenant } from '@mersal/testkit';
import { waitFor } from '@mersal/testkit';

/** What a restaurant's own back end would do with the API. */
export interface Send {
  readonly phoneNumber: string;
  readonly text: string;
  readonly conversationId?: string;
  readonly priority?: number;
  readonly [more: string]: unknown;
}

export interface Message {
  readonly id: string;
  readonly status: string;
  readonly sid: string | null;
  readonly attempts: readonly { readonly attempt: number; readonly outcome: string }[];
  readonly [more: string]: unknown;
}

export async function call(
  pipeline: Pipeline,
  key: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  at: string = pipeline.ingress,
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const answer = await fetch(`${at}${path}`, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

/** Posts a send and returns its id; anything but 202 is an error. */
export async function post(pipeline: Pipeline, tenant: PipelineTenant, send: Send): Promise<string> {
  const { status, body } = await call(pipeline, tenant.apiKey, 'POST', '/api/whatsapp/send', send);
  if (status !== 202) throw new Error(`POST was answered with ${status}: ${JSON.stringify(body)}`);
  return body['id'] as string;
}

export async function read(pipeline: Pipeline, tenant: PipelineTenant, id: string): Promise<Message> {
  const { status, body } = await call(pipeline, tenant.apiKey, 'GET', `/api/messages/${id}`);
  if (status !== 200) throw new Error(`GET was answered with ${status}: ${JSON.stringify(body)}`);
  return body as unknown as Message;
}

/** Waits until the message has one of these statuses. */
export function settled(
  pipeline: Pipeline,
  tenant: PipelineTenant,
  id: string,
  statuses: readonly string[],
  timeoutMs = 30_000,
): Promise<Message> {
  let last: Message | undefined;
  return waitFor(
    async () => {
      last = await read(pipeline, tenant, id);
      return statuses.includes(last.status) ? last : undefined;
    },
    {
      timeoutMs,
      describe: () => `${id} to be ${statuses.join(' or ')}; it is ${last?.status ?? 'not there'}`,
    },
  );
}

export interface Live {
  readonly breakers: readonly { readonly accountSid: string | null; readonly instances: readonly string[] }[];
  readonly latency: object | null;
}

/** What the console is told first. */
export async function live(pipeline: Pipeline): Promise<Live> {
  const gone = new AbortController();
  const answer = await fetch(`${pipeline.ingress}/api/console/live`, {
    headers: { authorization: `Bearer ${pipeline.adminToken}` },
    signal: AbortSignal.any([gone.signal, AbortSignal.timeout(10_000)]),
  });
  try {
    if (!answer.ok) throw new Error(`the console was answered with ${answer.status}`);
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const told = /^data: (.*)\n\n/m.exec(text)?.[1];
      if (told !== undefined) return JSON.parse(told) as Live;
    }
    throw new Error('the console was told nothing');
  } finally {
    gone.abort();
  }
}
