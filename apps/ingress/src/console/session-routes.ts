import { z } from 'zod';
import { readBody } from '../admin/admin-body.js';
import { type KeyCheck, principalOfKey } from '../auth/authenticate.js';
import { callerAddress } from '../auth/caller-address.js';
import type { Routes } from '../routes.js';
import { sessionCookie, type Sessions } from './sessions.js';

export interface SessionRoutesOptions {
  readonly check: KeyCheck;
  readonly sessions: Sessions;
  /** Whether browsers reach us over https. */
  readonly secure: boolean;
  /** Where a trace is shown, with `{traceId}` in it. */
  readonly traceUrl: string | undefined;
}

const body = z.strictObject({ key: z.string().min(1).max(512) });

/** /console/session: signing in with an admin key, looking whether one is, signing out. */
export function sessionRoutes({ app, auth, unchecked }: Routes, options: SessionRoutesOptions): void {
  const { check, sessions, secure, traceUrl } = options;
  const hidden = { schema: { hide: true } };
  const shown = { traceUrl: traceUrl ?? null };
  app.post('/console/session', { ...hidden, ...unchecked }, async (request, reply) => {
    const { key } = readBody(body, request.body);
    await principalOfKey(check, key, callerAddress(request), ['admin']);
    return reply.header('set-cookie', sessionCookie(sessions.seal(key), secure)).send(shown);
  });
  app.get('/console/session', { ...hidden, onRequest: auth('admin') }, () => shown);
  app.delete('/console/session', hidden, (_request, reply) =>
    reply.code(204).header('set-cookie', sessionCookie(null, secure)).send(),
  );
}
