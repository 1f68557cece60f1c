import type { Logger } from '@mersal/telemetry';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { PROBLEM_MEDIA_TYPE, Problem } from './problem.js';
import { toProblem } from './to-problem.js';

/** Every error of every request becomes a problem; what is our own fault is logged, without what the request held. */
export function answerProblems(app: FastifyInstance, logger: Logger): void {
  const methods = new RouteMethods();
  app.addHook('onRoute', ({ url, method }) => methods.add(url, method));

  const absent = (url: string): Problem => {
    const allowed = methods.of(url.split('?', 1)[0] ?? '/');
    return allowed.length === 0
      ? new Problem('not_found')
      : new Problem('method_not_allowed', { headers: { allow: allowed.join(', ') } });
  };

  app.setErrorHandler((error, request, reply) => {
    // A method of which Fastify wants to know the content type before it looks whether anybody serves it.
    const early = (error as { code?: unknown }).code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE';
    const problem = early ? absent(request.url) : toProblem(error);
    const fields = { err: problem.cause ?? problem, code: problem.code, route: request.routeOptions.url };
    if (problem.code === 'internal_error') logger.error(fields, 'a request failed');
    else if (problem.status >= 500) logger.warn(fields, `a request was answered with ${problem.code}`);
    else logger.debug(fields, `a request was answered with ${problem.code}`);
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler((request, reply) => sendProblem(reply, absent(request.url)));
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.details.headers ?? {})
    .header('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .serializer(JSON.stringify)
    .send(problem.body);
}

/** Which methods a path is served with: tells 405 from 404. */
class RouteMethods {
  readonly #routes = new Map<string, { readonly form: RegExp; readonly methods: Set<string> }>();

  add(url: string, method: string | readonly string[]): void {
    if (url.includes('*')) return;
    const form = new RegExp(
      `^${url.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll(/:[A-Za-z]+/g, '[^/]+')}/?$`,
    );
    const known = this.#routes.get(url) ?? { form, methods: new Set<string>() };
    for (const one of [method].flat()) known.methods.add(one);
    this.#routes.set(url, known);
  }

  of(path: string): string[] {
    for (const { form, methods } of this.#routes.values())
      if (form.test(path)) return [...methods].toSorted();
    return [];
  }
}
