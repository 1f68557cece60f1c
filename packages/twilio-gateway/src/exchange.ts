import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import type { OutcomeCause } from './gateway.js';

/** One HTTP exchange's request, ready to be written. */
export interface ExchangeRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: http.OutgoingHttpHeaders;
  readonly body?: string;
}

export interface ExchangeLimits {
  /** From the call to the last byte of the answer, waiting for a socket included, in ms. */
  readonly timeoutMs: number;
  /** For a new connection, TLS included, in ms. */
  readonly connectTimeoutMs: number;
  readonly maxResponseBytes: number;
}

export interface ExchangeAnswer {
  readonly statusCode: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** The network's failure, stripped to what is safe to keep: no URL, headers, body or system error. */
export class ExchangeFailure extends Error {
  readonly reason: OutcomeCause;
  /** False only if provably no byte of this request was handed to the kernel. */
  readonly written: boolean;
  readonly statusCode: number | undefined;

  constructor(reason: OutcomeCause, written: boolean, statusCode?: number) {
    super(`exchange failed: ${reason}, ${written ? 'written' : 'not written'}`);
    this.name = 'ExchangeFailure';
    this.reason = reason;
    this.written = written;
    this.statusCode = statusCode;
  }
}

/**
 * One exchange over a shared keep-alive agent that knows whether the request was written:
 *
 *   waiting ──socket (new)──► connecting ──connected──► written ──answer──► done
 *      │  └───socket (kept)─► holding ────bytes out──────►│
 *      │                          │                       │
 *      └── deadline, abort, error ┴─► not written         └── deadline, abort, error ──► written
 *
 * A new socket flushes when it connects, so everything before that is provably unwritten. A kept one is unwritten
 * while its byte count stands where it stood when the agent handed it over (the peer had closed it already). What a
 * socket is, the socket tells: a request that waited in the agent's queue gets a connected one that Node does not call
 * reused.
 */
export function exchange(
  request: ExchangeRequest,
  agent: http.Agent,
  limits: ExchangeLimits,
  options: { readonly signal?: AbortSignal | undefined; readonly onWritten?: (() => void) | undefined } = {},
): Promise<ExchangeAnswer> {
  const { signal, onWritten } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new ExchangeFailure('aborted', false));
    const secure = request.url.protocol === 'https:';
    let stage: 'waiting' | 'connecting' | 'sent' = 'waiting';
    let written = (): boolean => false;
    let statusCode: number | undefined;
    let connectTimer: NodeJS.Timeout | undefined;

    const outgoing = (secure ? https : http).request(request.url, {
      method: request.method,
      headers: request.headers,
      agent,
    });

    const finish = (): void => {
      clearTimeout(deadline);
      clearTimeout(connectTimer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (reason: OutcomeCause): void => {
      finish();
      reject(new ExchangeFailure(reason, written(), statusCode));
      outgoing.destroy();
    };
    const onAbort = (): void => fail('aborted');
    const deadline = setTimeout(() => {
      fail(stage === 'waiting' ? 'socket_wait' : stage === 'connecting' ? 'connect_timeout' : 'timeout');
    }, limits.timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });

    outgoing.on('socket', (socket) => {
      if (!isBeingSetUp(socket)) {
        const before = socket.bytesWritten;
        written = () => socket.bytesWritten !== before;
        stage = 'sent';
        return;
      }
      stage = 'connecting';
      connectTimer = setTimeout(() => fail('connect_timeout'), limits.connectTimeoutMs);
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        clearTimeout(connectTimer);
        stage = 'sent';
        written = () => true;
      });
    });
    if (onWritten) outgoing.once('finish', onWritten);
    outgoing.on('error', () => fail(stage === 'sent' ? 'reset' : 'connect'));
    outgoing.on('response', (incoming) => {
      statusCode = incoming.statusCode ?? 0;
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limits.maxResponseBytes) fail('oversized');
        else chunks.push(chunk);
      });
      incoming.on('error', () => fail('truncated'));
      incoming.on('end', () => {
        if (!incoming.complete) return fail('truncated');
        finish();
        const first = chunks[0];
        const body = chunks.length === 1 && first ? first : Buffer.concat(chunks, size);
        resolve({
          statusCode: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: body.toString('utf8'),
        });
        return undefined;
      });
    });
    outgoing.end(request.body);
    return undefined;
  });
}

/** Whether bytes written to it now wait for TCP or TLS to be set up. */
function isBeingSetUp(socket: net.Socket): boolean {
  if (socket.connecting) return true;
  return 'secureConnecting' in socket && socket.secureConnecting === true;
}
