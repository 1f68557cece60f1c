import type { RouteShorthandOptions } from 'fastify';
import { Problem } from '../problems/problem.js';
import { principalOf } from '../auth/authenticate.js';
import type { Routes } from '../routes.js';

/** Who may read metrics of all restaurants. */
export interface MetricsAccess {
  readonly hooks: Pick<RouteShorthandOptions, 'onRequest'>;
  readonly security: { [scheme: string]: string[] }[];
}

/** By METRICS_AUTH: everybody, or platform and admin keys. A restaurant's own key would show it all others. */
export function metricsAccess(routes: Routes, mode: 'token' | 'none'): MetricsAccess {
  if (mode === 'none') return { hooks: {}, security: [] };
  const platformOnly = async (request: Parameters<typeof principalOf>[0]): Promise<void> => {
    if (principalOf(request).tenant !== null) {
      throw new Problem('forbidden', {
        detail: 'only a platform key may read the metrics of all restaurants',
      });
    }
  };
  return {
    hooks: { onRequest: [routes.auth('read', 'send:any'), platformOnly] },
    security: [{ key: [] }],
  };
}
