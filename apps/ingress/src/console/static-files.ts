import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { Problem } from '../problems/problem.js';
import type { Routes } from '../routes.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing from elsewhere, nothing inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

interface File {
  readonly type: string;
  readonly bytes: Buffer;
  /** Its name changes with its content. */
  readonly lasting: boolean;
}

/** The console's pages, read once: a handful of files. Without them there is no console. */
export function consoleFiles({ app }: Routes, directory: string): void {
  const files = new Map<string, File>();
  if (existsSync(directory))
    for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const type = TYPES[extname(entry)];
      if (type !== undefined)
        files.set(entry.replaceAll('\\', '/'), {
          type,
          bytes: readFileSync(join(directory, entry)),
          lasting: entry.startsWith('assets'),
        });
    }
  const serve = (reply: FastifyReply, name: string): FastifyReply => {
    const file = files.get(name);
    if (!file) throw new Problem('not_found', { detail: 'the console has no such file, or is not built' });
    return reply
      .headers({
        'content-type': file.type,
        'content-security-policy': POLICY,
        'cache-control': file.lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
      })
      .serializer((bytes: Buffer) => bytes as unknown as string)
      .send(file.bytes);
  };
  const hidden = { schema: { hide: true } };
  app.get('/console', hidden, (_request, reply) => reply.redirect('/console/', 302));
  app.get('/console/', hidden, (_request, reply) => serve(reply, 'index.html'));
  app.get<{ Params: { file: string } }>('/console/assets/:file', hidden, (request, reply) =>
    serve(reply, `assets/${request.params.file}`),
  );
}
