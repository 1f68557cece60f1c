import { failSpan, type Logger, type Metrics, SpanKind, startSpan, withSpan } from '@mersal/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface RequestStoryOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** What the metrics show where no answer could be delivered: nginx' number for it. */
const CLIENT_GONE = 499;

/** A server span and two metrics for each request, by its route: an unknown path makes no new series. */
export function tellRequests(app: FastifyInstance, { metrics, logger, now }: RequestStoryOptions): void {
  app.decorateRequest('beganAt', 0);
  app.decorateRequest('bodyAwaitedAt', 0);
  app.decorateRequest('span', null);
  app.addHook('onRequest', (request, reply, done) => {
    const beganAt = now();
    request.beganAt = beganAt;
    const route = request.routeOptions.url ?? 'unmatched';
    const span = startSpan(`${request.method} ${route}`, {
      kind: SpanKind.SERVER,
      traceparent: traceparentIn(request),
      attributes: { 'http.request.method': request.method, 'http.route': route },
    });
    request.span = span;
    // Also where the caller went away before the answer, of which Fastify's onResponse says nothing.
    reply.raw.once('close', () => {
      const status = reply.raw.writableFinished ? reply.raw.statusCode : CLIENT_GONE;
      const seconds = (now() - beganAt) / 1_000;
      metrics.count('mersal_http_requests', { route, status });
      metrics.observe('mersal_http_duration', seconds, { route });
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) failSpan(span, `answered with ${status}`);
      withSpan(span, () => logger.debug({ route, method: request.method, status, seconds }, 'answered'));
      span.end();
    });
    withSpan(span, done);
  });
  // Waiting for the body takes as long as the caller takes, which is not for us to answer within a deadline.
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    request.bodyAwaitedAt = now();
    done();
  });
  app.addHook('preValidation', (request, _reply, done) => {
    request.beganAt += now() - request.bodyAwaitedAt;
    done();
  });
  // Reading the body leaves the context that onRequest began.
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.span) withSpan(request.span, done);
    else done();
  });
}

function traceparentIn(request: FastifyRequest): string | undefined {
  const given =
    request.routeOptions.config.traceparentIn === 'query'
      ? (request.query as Record<string, unknown>)['traceparent']
      : request.headers['traceparent'];
  return typeof given === 'string' ? given : undefined;
}
