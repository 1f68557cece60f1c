import { type ProblemCode, problems } from '@mersal/contracts';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string().optional(),
    errors: z
      .array(z.object({ pointer: z.string(), code: z.string(), message: z.string() }))
      .describe('all faults of the request, by JSON pointers into its body')
      .optional(),
    accepted: z
      .union([z.literal(false), z.literal('unknown')])
      .describe('of a send that was not acknowledged: whether it may be sent all the same')
      .optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

/** The documented error answers of a route, by status. */
export function problemResponses(...codes: readonly ProblemCode[]): Record<number, object> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes)
    byStatus.set(problems[code].status, [...(byStatus.get(problems[code].status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.map((code) => `\`${code}\`: ${problems[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}

/** What any route may answer with, besides its own: for every request, and for those with a body. */
const OF_ALL: readonly ProblemCode[] = ['validation_failed', 'rate_limited', 'overloaded'];
const OF_BODIES: readonly ProblemCode[] = ['malformed_json', 'body_too_large', 'unsupported_media_type'];
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** Documents them with every route that is documented. To be called before any route, and before the document's own hook. */
export function documentCommonProblems(app: FastifyInstance): void {
  app.addHook('onRoute', ({ method, schema }) => {
    if (!schema || (schema as { hide?: boolean }).hide === true) return;
    const codes = [method].flat().some((one) => WITH_BODY.has(one)) ? [...OF_ALL, ...OF_BODIES] : OF_ALL;
    schema.response = { ...problemResponses(...codes), ...(schema.response as object) };
  });
}
