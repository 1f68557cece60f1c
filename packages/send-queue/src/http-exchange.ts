import { SendQueueError } from './send-queue-error.js';

const MOST_BYTES = 16 * 1_048_576;

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
  /** Undefined where the body is not JSON. */
  readonly json: unknown;
}

/**
 * One request and its whole answer within `timeoutMs`. Throws SendQueueError `timeout`, `unreachable` or `aborted`; its message
 * has neither headers nor body.
 */
export async function exchange(
  request: HttpRequest,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<HttpAnswer> {
  const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      // Following one would hand the token to whoever is there.
      redirect: 'manual',
      signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const text = await readBounded(response);
    return { status: response.status, retryAfter: response.headers.get('retry-after'), json: parse(text) };
  } catch (error) {
    if (error instanceof SendQueueError) throw error;
    if (signal?.aborted) throw new SendQueueError('aborted', 'the caller gave up', { accepted: 'unknown' });
    if (deadline.aborted)
      throw new SendQueueError('timeout', `no answer within ${Math.ceil(timeoutMs)} ms`, {
        accepted: 'unknown',
      });
    const code = connectionCode(error);
    // Refused or not found: not a byte of the request left this machine's hands.
    const accepted = code === 'ECONNREFUSED' || code === 'ENOTFOUND' ? false : 'unknown';
    throw new SendQueueError('unreachable', `${request.url.host} cannot be reached (${code})`, { accepted });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new SendQueueError('bad_answer', 'the answer is too large', {
        status: response.status,
        accepted: 'unknown',
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function connectionCode(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if ('code' in at && typeof at.code === 'string') return at.code;
  return error instanceof Error ? error.name : 'unknown';
}
