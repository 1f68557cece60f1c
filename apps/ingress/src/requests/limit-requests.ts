import type { FastifyInstance, FastifyRequest } from 'fastify';
import { answerSocket } from '../problems/answer-socket.js';
import { Problem, retryAfter } from '../problems/problem.js';

export interface RequestLimits {
  /** Most requests under way at once. */
  readonly most: number;
  /** Most bytes of bodies that are held or awaited at once. */
  readonly mostBodyBytes: number;
  /** Longest time for a body to arrive, in ms. Node's own limit was seen not to end slow bodies here, only slow headers. */
  readonly bodyTimeoutMs: number;
}

/**
 * Refuses requests over capacity before their bodies are read. A body counts with the length that it claims, or where it claims
 * none with the most that its route takes, from when its key was found good until its answer is sent.
 */
export function limitRequests(
  app: FastifyInstance,
  { most, mostBodyBytes, bodyTimeoutMs }: RequestLimits,
): void {
  let underWay = 0;
  let bodyBytes = 0;
  app.addHook('onRequest', (_request, reply, done) => {
    underWay += 1;
    reply.raw.once('close', () => {
      underWay -= 1;
    });
    if (underWay > most) done(overloaded());
    else done();
  });
  // After the routes' own onRequest hooks: who has no key takes nothing away from those who have.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    const bytes = bodyBytesOf(request);
    if (bytes === 0) {
      done();
      return;
    }
    if (bodyBytes + bytes > mostBodyBytes) {
      done(overloaded());
      return;
    }
    bodyBytes += bytes;
    const late = setTimeout(
      () => answerSocket(request.raw.socket, new Problem('request_timeout')),
      bodyTimeoutMs,
    );
    request.raw.once('end', () => clearTimeout(late));
    reply.raw.once('close', () => {
      bodyBytes -= bytes;
      clearTimeout(late);
    });
    done();
  });
}

/** What is longer than its route takes is refused for that. */
function bodyBytesOf({ headers, routeOptions }: FastifyRequest): number {
  const most = routeOptions.bodyLimit ?? 0;
  const claimed = headers['content-length'];
  if (claimed !== undefined) return Math.min(Number(claimed) || 0, most);
  return headers['transfer-encoding'] === undefined ? 0 : most;
}

function overloaded(): Problem {
  return new Problem('overloaded', { accepted: false, headers: retryAfter });
}
