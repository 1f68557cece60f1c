import type { Pipeline } from '@mersal/testkit';
import { call } from '../test/api.js';
import { countOf } from './chaos-report.js';

/** An answer of the API that says that it is the server's fault, or no answer from any instance (status 0). */
export interface ApiError {
  /** ms since 1970. */
  readonly at: number;
  readonly status: number;
  /** The problem's code, or how the connection failed. */
  readonly code: string;
}

type Answer = Awaited<ReturnType<typeof call>>;

/** An instance that refused a connection gets no request for so long, in ms. */
const AWAY_MS = 250;

/**
 * What stands before the ingresses, as a load balancer does: they take turns, and a request that one did not answer at all
 * is repeated at the next, with the same Idempotency-Key. What one answers is the answer.
 */
export class Front {
  readonly errors: ApiError[] = [];
  /** During these no error was to be answered; ms since 1970. */
  readonly calm: { readonly from: number; readonly to: number }[] = [];
  /** Requests that found an instance away and went to another. */
  movedOn = 0;
  readonly #pipeline: Pipeline;
  readonly #addresses: readonly string[];
  readonly #awayUntil = new Map<string, number>();
  #turn = 0;

  constructor(pipeline: Pipeline, addresses: readonly string[]) {
    this.#pipeline = pipeline;
    this.#addresses = addresses;
  }

  /** Undefined where no instance answered. */
  async post(
    key: string,
    path: string,
    body: object,
    headers: Record<string, string>,
  ): Promise<Answer | undefined> {
    let failure: unknown;
    for (const address of this.#order()) {
      try {
        const answer = await call(this.#pipeline, key, 'POST', path, body, headers, address);
        if (answer.status >= 500) {
          const { code, detail } = answer.body as { readonly code?: string; readonly detail?: string };
          this.#note(answer.status, [code, detail].filter((one) => one !== undefined).join(': '));
        }
        return answer;
      } catch (error) {
        failure = error;
        this.#awayUntil.set(address, performance.now() + AWAY_MS);
        this.movedOn += 1;
      }
    }
    this.#note(0, String(failure));
    return undefined;
  }

  /** While the work goes on no error is to be answered. */
  async withoutErrors(work: () => Promise<void>): Promise<void> {
    const from = Date.now();
    try {
      await work();
    } finally {
      this.calm.push({ from, to: Date.now() });
    }
  }

  /** Errors since then (ms since 1970), by what they say. */
  since(from: number): Record<string, number> {
    return countOf(
      this.errors.filter(({ at }) => at >= from).map(({ status, code }) => `${named(status)} ${code}`),
    );
  }

  /** Errors where none was to be. */
  violations(): string[] {
    return this.errors
      .filter(({ at }) => this.calm.some(({ from, to }) => at >= from && at <= to))
      .map(({ at, status, code }) => `${new Date(at).toISOString()} ${named(status)}: ${code}`);
  }

  /** All of them, those that were there a moment ago first. */
  #order(): string[] {
    const now = performance.now();
    const first = this.#turn % this.#addresses.length;
    const turned = [...this.#addresses.slice(first), ...this.#addresses.slice(0, first)];
    this.#turn += 1;
    const isAway = (address: string): boolean => (this.#awayUntil.get(address) ?? 0) > now;
    return [...turned.filter((one) => !isAway(one)), ...turned.filter(isAway)];
  }

  #note(status: number, code: string): void {
    this.errors.push({ at: Date.now(), status, code: code.slice(0, 200) });
  }
}

const named = (status: number): string => (status === 0 ? 'no answer' : String(status));
