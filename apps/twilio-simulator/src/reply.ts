import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import { ProviderError } from './provider-error.js';

const MAX_BODY_BYTES = 1_048_576;

/** An API request that waits for its answer. */
export interface Reply {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** Wall clock in ms. */
  readonly startedAt: number;
  /** Requests of the account under way, this one included. */
  readonly concurrent: () => number;
  /** Told right before the answer is written, or 0 before the connection is dropped: from then on it is not in flight. */
  readonly onAnswer: (status: number) => void;
}

export function readBody(request: http.IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    });
    request.on('end', () => {
      if (size > MAX_BODY_BYTES) reject(new ProviderError(413, 20413, 'The body is too large'));
      else resolve(Buffer.concat(chunks).toString('utf8'));
    });
    request.on('error', reject);
  });
}

/** Answers as the provider does, unless the caller is gone. */
export function answer(reply: Reply, status: number, body: unknown, retryAfterS?: number): void {
  const { response } = reply;
  if (response.headersSent || response.destroyed) return;
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, headers(reply, text, retryAfterS));
  reply.onAnswer(status);
  response.end(text);
}

/** The connection is reset without an answer. */
export function dropConnection(reply: Reply): void {
  reply.onAnswer(0);
  reply.request.socket.resetAndDestroy();
}

/** `truncate`: half an answer, then the connection ends. `garbage`: a whole answer that is no JSON. */
export function breakConnection(
  reply: Reply,
  how: 'truncate' | 'garbage',
  status: number,
  body: unknown,
): void {
  const { response } = reply;
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  if (how === 'garbage') {
    const page = '<html><body>Bad gateway</body></html>';
    response.writeHead(status, { ...headers(reply, page), 'Content-Type': 'text/html' });
    reply.onAnswer(status);
    response.end(page);
    return;
  }
  response.writeHead(status, headers(reply, text));
  reply.onAnswer(status);
  response.write(text.slice(0, text.length / 2), () => reply.request.socket.destroy());
}

function headers(reply: Reply, text: string, retryAfterS?: number): http.OutgoingHttpHeaders {
  const seconds = Math.max(0, performance.timeOrigin + performance.now() - reply.startedAt) / 1_000;
  return {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Twilio-Request-Id': `RQ${randomUUID().replaceAll('-', '')}`,
    'Twilio-Request-Duration': seconds.toFixed(3),
    'Twilio-Concurrent-Requests': String(reply.concurrent()),
    ...(retryAfterS !== undefined && { 'Retry-After': String(retryAfterS) }),
  };
}
