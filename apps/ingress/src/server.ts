import formbody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { Logger, Metrics } from '@mersal/telemetry';
import fastify, { type FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { answerProblems, sendProblem } from './problems/answer-problems.js';
import { Problem, PROBLEM_MEDIA_TYPE, retryAfter } from './problems/problem.js';
import { toProblem } from './problems/to-problem.js';
import { validatorCompiler } from './problems/zod-faults.js';
import { tellRequests } from './requests/request-story.js';

export interface ServerOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly publicUrl: string;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Most requests under way at once, default 5,000; the next ones are refused before their bodies are read. */
  readonly mostRequests?: number;
  /** Whether the service is going down: answers then end their connections. */
  readonly isDraining: () => boolean;
}

const MOST_REQUESTS = 5_000;
/** Longest time for a whole request to arrive, in ms. */
const REQUEST_TIMEOUT_MS = 30_000;

/** What the page at /docs may load. */
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

/** The HTTP server without its routes: spans, problems, limits, documents. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    // While draining, late requests on open connections are still served; `connection: close` ends those.
    return503OnClosing: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    bodyLimit: 64 * 1_024,
    frameworkErrors: (error, _request, reply) => {
      void sendProblem(reply, toProblem(error));
    },
    clientErrorHandler: (_error, socket) => {
      if (!socket.writable || socket.destroyed) return;
      const body = JSON.stringify(
        new Problem('validation_failed', { detail: 'this is not a request that can be read' }).body,
      );
      socket.end(
        `HTTP/1.1 400 Bad Request\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  // Answers are made by our own code from typed values; the schemas document them, and tests hold the two together.
  app.setSerializerCompiler(() => JSON.stringify);
  app.decorateRequest('principal', null);
  answerProblems(app, options.logger);
  tellRequests(app, options);
  limitRequests(app, options.mostRequests ?? MOST_REQUESTS);
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (options.isDraining()) reply.header('connection', 'close');
    done(null, payload);
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    strictTransportSecurity: options.publicUrl.startsWith('https:'),
  });
  await app.register(formbody, { bodyLimit: 64 * 1_024 });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Mersal',
        description: 'WhatsApp messages for many restaurants',
        version: options.version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: "a restaurant's or a platform's key" },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_POLICY });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return app;
}

function limitRequests(app: FastifyInstance, most: number): void {
  let underWay = 0;
  app.addHook('onRequest', (_request, reply, done) => {
    underWay += 1;
    reply.raw.once('close', () => {
      underWay -= 1;
    });
    if (underWay > most) done(new Problem('overloaded', { accepted: false, headers: retryAfter }));
    else done();
  });
}
