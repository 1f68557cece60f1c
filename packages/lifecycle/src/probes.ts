import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A named question to a part of the service; `ok: false` says why. */
export type Check = () =>
  | Promise<{ readonly ok: boolean; readonly reason?: string }>
  | { readonly ok: boolean; readonly reason?: string };

export interface ProbeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Live: restart me when it fails. Ready: give me no work when it fails. */
  readonly live: Readonly<Record<string, Check>>;
  readonly ready: Readonly<Record<string, Check>>;
  readonly metrics: (request: IncomingMessage, response: ServerResponse) => void;
  /** Longest wait for one check, in ms. */
  readonly timeoutMs?: number;
}

export interface Probes {
  readonly url: string;
  close(): Promise<void>;
}

/** The listener of /health/live, /health/ready and /metrics: its own, so that load on the API can't hide a dead service. */
export async function listenProbes(options: ProbeOptions): Promise<Probes> {
  const timeoutMs = options.timeoutMs ?? 2_000;
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answer(response, 405, { status: 'method not allowed' });
    if (path === '/metrics') return options.metrics(request, response);
    if (path !== '/health/live' && path !== '/health/ready')
      return answer(response, 404, { status: 'not found' });
    void examine(path === '/health/live' ? options.live : options.ready, timeoutMs).then((checks) => {
      const ok = Object.values(checks).every((check) => check.ok);
      answer(response, ok ? 200 : 503, { status: ok ? 'ok' : 'failing', checks });
    });
    return undefined;
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function examine(checks: Readonly<Record<string, Check>>, timeoutMs: number) {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<{ ok: boolean; reason: string }>((resolve) => {
        timer = setTimeout(
          () => resolve({ ok: false, reason: `no answer within ${timeoutMs} ms` }),
          timeoutMs,
        );
      });
      try {
        return [name, await Promise.race([check(), late])] as const;
      } catch (error) {
        return [name, { ok: false, reason: error instanceof Error ? error.message : String(error) }] as const;
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  return Object.fromEntries(results);
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
