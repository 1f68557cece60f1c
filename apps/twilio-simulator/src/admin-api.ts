import type http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Accounts } from './accounts.js';
import type { ContentStore } from './content-store.js';
import { type Faults, faultScriptSchema } from './faults.js';
import type { RequestLog } from './request-log.js';

const accountsSchema = z.array(
  z.object({ accountSid: z.string(), authToken: z.string(), numbers: z.array(z.string()) }),
);
const approvalSchema = z.strictObject({ status: z.string().min(1) });

/** What the admin routes look at and change. */
export interface AdminView {
  readonly accounts: Accounts;
  readonly faults: Faults;
  readonly contents: ContentStore;
  readonly log: () => RequestLog;
  readonly extraStats: () => object;
  readonly reset: () => void;
  readonly now: () => number;
}

/** `/_simulator/…`: what was received, counts, fault scripts, accounts; no authentication, loopback only. */
export async function adminApi(
  view: AdminView,
  request: { readonly method: string; readonly path: string; readonly body: string },
  response: http.ServerResponse,
): Promise<void> {
  const route = `${request.method} ${request.path.slice('/_simulator'.length)}`;
  switch (route) {
    case 'GET /requests':
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      await pipeline(Readable.from(lines(view.log())), response);
      return;
    case 'GET /stats':
      return reply(response, 200, { ...view.log().stats(), ...view.extraStats() });
    case 'POST /faults': {
      const script = faultScriptSchema.safeParse(parse(request.body));
      if (!script.success) return reply(response, 400, { error: z.prettifyError(script.error) });
      view.faults.load(script.data, view.now());
      return reply(response, 200, { rules: script.data.rules.length });
    }
    case 'DELETE /faults':
      view.faults.clear();
      return reply(response, 200, { rules: 0 });
    case 'POST /reset':
      view.reset();
      return reply(response, 200, { reset: true });
    case 'POST /accounts': {
      const given = parse(request.body);
      const accounts = accountsSchema.safeParse(Array.isArray(given) ? given : [given]);
      if (!accounts.success) return reply(response, 400, { error: z.prettifyError(accounts.error) });
      try {
        for (const account of accounts.data) view.accounts.put(account);
      } catch (error) {
        return reply(response, 400, { error: error instanceof Error ? error.message : String(error) });
      }
      return reply(response, 200, { accounts: view.accounts.size });
    }
    default:
      return contentRoute(view, request, response);
  }
}

/** `DELETE /content/<account>/<sid>`: deleted in the provider's console. `POST …/approval {status}`: the channel's verdict. */
function contentRoute(
  view: AdminView,
  request: { readonly method: string; readonly path: string; readonly body: string },
  response: http.ServerResponse,
): void {
  const [kind, account, sid, action] = request.path.split('/').slice(2);
  const content = kind === 'content' ? view.contents.get(account ?? '', sid ?? '') : undefined;
  if (!content) return reply(response, 404, { error: 'not found' });
  if (request.method === 'DELETE' && action === undefined) {
    view.contents.delete(content.sid);
    return reply(response, 200, { deleted: content.sid });
  }
  const verdict = approvalSchema.safeParse(parse(request.body));
  if (request.method === 'POST' && action === 'approval' && verdict.success && content.approval) {
    content.approval.status = verdict.data.status;
    return reply(response, 200, { status: content.approval.status });
  }
  return reply(response, 400, { error: 'not understood' });
}

function* lines(log: RequestLog): Generator<string> {
  let chunk = '';
  for (const entry of log.entries()) {
    chunk += `${JSON.stringify(entry)}\n`;
    if (chunk.length > 65_536) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reply(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
