import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What befalls callbacks on their way: `lost` ones are answered as if they had arrived. */
export type CallbackFate = 'through' | 'lost' | 'late' | 'twice';

interface Callback {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Stands at the public address that the provider reports to, and hands callbacks on to ingress. */
export class CallbackProxy {
  fate: CallbackFate = 'through';
  /** How late the late ones are, in ms. */
  lateMs = 0;
  /** By their fate. */
  readonly counts: Record<CallbackFate, number> = { through: 0, lost: 0, late: 0, twice: 0 };
  /** Origins of the ingresses: the next is asked where one gives no answer. */
  targets: readonly string[] = [];
  readonly #server: Server;
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const callback = {
          path: incoming.url ?? '/',
          headers: incoming.headers,
          body: Buffer.concat(chunks),
        };
        const answer = (status: number): void => void outgoing.writeHead(status).end();
        void this.#meet(callback, answer);
      });
    });
  }

  static async start(): Promise<CallbackProxy> {
    const server = createServer();
    const proxy = new CallbackProxy(server);
    await new Promise<void>((ready, failed) => {
      server.once('error', failed).listen(0, '127.0.0.1', ready);
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #meet(callback: Callback, answer: (status: number) => void): Promise<void> {
    const { fate } = this;
    this.counts[fate] += 1;
    switch (fate) {
      case 'lost':
        return answer(204);
      case 'late': {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          void this.#handOn(callback);
        }, this.lateMs);
        this.#timers.add(timer);
        return answer(204);
      }
      case 'twice':
        await this.#handOn(callback);
        return answer(await this.#handOn(callback));
      case 'through':
        return answer(await this.#handOn(callback));
      default:
        return fate satisfies never;
    }
  }

  /** The answer's status; 502 where no ingress gives one, so that the provider tries again. */
  async #handOn(callback: Callback): Promise<number> {
    for (const target of this.targets) {
      const status = await this.#handTo(target, callback);
      if (status !== undefined) return status;
    }
    return 502;
  }

  #handTo(target: string, { path, headers, body }: Callback): Promise<number | undefined> {
    return new Promise((done) => {
      const onward = request(`${target}${path}`, { method: 'POST', headers, timeout: 10_000 }, (response) => {
        response.resume();
        done(response.statusCode);
      });
      onward.on('timeout', () => onward.destroy());
      onward.on('error', () => done(undefined));
      onward.end(body);
    });
  }
}
