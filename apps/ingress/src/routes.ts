import type { Principal, Scope } from '@mersal/ledger';
import type { Span } from '@mersal/telemetry';
import type { FastifyInstance, onRequestAsyncHookHandler, RouteShorthandOptions } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** When it came, monotonic ms; later by as long as its body took to arrive. */
    beganAt: number;
    /** Monotonic ms. */
    bodyAwaitedAt: number;
    /** Its span; ends with the answer. */
    span: Span | null;
    /** Who asks; null on routes that need no key. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Where the caller's traceparent stands; default: in the header of that name. */
    traceparentIn?: 'query';
  }
}

/** What every feature needs to add its routes. */
export interface Routes {
  readonly app: FastifyInstance;
  /** A hook that lets only keys with one of these scopes through. */
  readonly auth: (...scopes: readonly Scope[]) => onRequestAsyncHookHandler;
  /**
   * For routes that read their body themselves: the schema documents it, the handler finds all faults, those between fields
   * included.
   */
  readonly unchecked: Pick<RouteShorthandOptions, 'validatorCompiler'>;
}
