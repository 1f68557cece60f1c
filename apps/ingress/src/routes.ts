import type { Scope } from '@mersal/ledger';
import type { FastifyInstance, onRequestAsyncHookHandler, RouteShorthandOptions } from 'fastify';

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
