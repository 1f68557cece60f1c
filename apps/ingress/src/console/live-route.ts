import { PassThrough } from 'node:stream';
import { Problem } from '../problems/problem.js';
import type { Routes } from '../routes.js';

export interface LiveRouteOptions {
  /** What is told; read at most once a second for all who look. */
  readonly read: () => Promise<object>;
  /** Whether a key still may look. */
  readonly isValid: (keyId: string) => Promise<boolean>;
  readonly isDraining: () => boolean;
}

const EVERY_MS = 1_000;
const MOST_VIEWERS = 50;
/** What a reader may leave unread, in bytes: a slow one is ended, and comes back by itself. */
const MOST_UNREAD = 256 * 1_024;

/** GET /api/console/live: how things are, every second, as server-sent events. */
export function liveRoute({ app, auth }: Routes, options: LiveRouteOptions): void {
  let viewers = 0;
  app.get(
    '/api/console/live',
    { schema: { hide: true }, onRequest: auth('admin') },
    async (request, reply) => {
      if (viewers >= MOST_VIEWERS)
        throw new Problem('overloaded', { detail: `${MOST_VIEWERS} consoles are open already` });
      const keyId = request.principal?.keyId ?? '';
      // Whoever left while its key was looked up does not say so a second time.
      if (reply.raw.destroyed) return reply;
      viewers += 1;
      const stream = new PassThrough();
      let busy = false;
      const tell = async (): Promise<void> => {
        if (busy) return;
        busy = true;
        try {
          const over =
            options.isDraining() || stream.readableLength > MOST_UNREAD || !(await options.isValid(keyId));
          if (over) stream.end();
          else stream.write(`event: live\ndata: ${JSON.stringify(await options.read())}\n\n`);
        } catch {
          // A store is away: the page shows what it knows, and that it is old.
          stream.write(': a store is away\n\n');
        } finally {
          busy = false;
        }
      };
      const timer = setInterval(() => void tell(), EVERY_MS);
      reply.raw.once('close', () => {
        viewers -= 1;
        clearInterval(timer);
        stream.destroy();
      });
      void tell();
      return reply
        .headers({
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        })
        .send(stream);
    },
  );
}
