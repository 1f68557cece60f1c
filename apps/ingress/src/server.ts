import formbody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { Logger, Metrics } from '@mersal/telemetry';
import fastify, { type FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { trustProxies } from './auth/caller-address.js';
import { answerSocket } from './problems/answer-socket.js';
import { answerProblems, sendProblem } from './problems/answer-problems.js';
import { Problem } from './problems/problem.js';
import { documentCommonProblems } from './problems/problem-schema.js';
import { toProblem } from './problems/to-problem.js';
import { validatorCompiler } from './problems/zod-faults.js';
import { limitRequests } from './requests/limit-requests.js';
import { tellRequests } from './requests/request-story.js';

export interface ServerOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly publicUrl: string;
  /** Addresses and networks whose X-Forwarded-For is believed; default: nobody's. */
  readonly trustedProxies?: readonly string[];
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Most requests under way at once, default 5,000; the next ones are refused before their bodies are read. */
  readonly mostRequests?: number;
  /** Most bytes of bodies held or awaited at once, default 256 MiB. */
  readonly mostBodyBytes?: number;
  /** Most connections, default 20,000; further ones are closed as they come. */
  readonly mostConnections?: number;
  /** Longest time for a whole request to arrive, in ms, default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Whether the service is going down: answers then end their connections. */
  readonly isDraining: () => boolean;
}

const MOST_REQUESTS = 5_000;
const MOST_BODY_BYTES = 256 * 1_024 * 1_024;
const MOST_CONNECTIONS = 20_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often it is looked for requests that take too long, in ms. */
const LOOK_EVERY_MS = 1_000;

/** What the page at /docs may load. */
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

/** The HTTP server without its routes: spans, problems, limits, documents. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const trusted = options.trustedProxies ?? [];
  const app = fastify({
    logger: false,
    trustProxy: trusted.length === 0 ? false : trustProxies(trusted),
    // While draining, late requests on open connections are still served; `connection: close` ends those.
    return503OnClosing: false,
    requestTimeout: requestTimeoutMs,
    http: { connectionsCheckingInterval: LOOK_EVERY_MS },
    bodyLimit: 64 * 1_024,
    frameworkErrors: (error, _request, reply) => {
      void sendProblem(reply, toProblem(error));
    },
    clientErrorHandler: (error, socket) => answerSocket(socket, unreadable(error)),
  });
  app.setValidatorCompiler(validatorCompiler);
  // Answers are made by our own code from typed values; the schemas document them, and tests hold the two together.
  app.setSerializerCompiler(() => JSON.stringify);
  app.decorateRequest('principal', null);
  answerProblems(app, options.logger);
  documentCommonProblems(app);
  tellRequests(app, options);
  app.server.maxConnections = options.mostConnections ?? MOST_CONNECTIONS;
  limitRequests(app, {
    most: options.mostRequests ?? MOST_REQUESTS,
    mostBodyBytes: options.mostBodyBytes ?? MOST_BODY_BYTES,
    bodyTimeoutMs: requestTimeoutMs,
  });
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

/** Bytes that are no request, as a problem. */
function unreadable({ code }: NodeJS.ErrnoException): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout');
    default:
      return new Problem('validation_failed', { detail: 'this is not a request that can be read' });
  }
}
