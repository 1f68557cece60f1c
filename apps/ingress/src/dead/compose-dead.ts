import type { Scope } from '@mersal/lifecycle';
import type { Routes } from '../routes.js';
import { type DeadRoutesOptions, deadRoutes } from './dead-routes.js';
import { redriveRoutes } from './post-redrives.js';
import { replayRoutes } from './replay-routes.js';
import { Replays, type ReplaysOptions } from './replays.js';

/** Wires dead letters, redrives and replays. */
export function composeDead(
  routes: Routes,
  stores: DeadRoutesOptions & ReplaysOptions & { readonly source: string },
  releases: Scope['releases'],
): void {
  const replays = new Replays(stores);
  releases.push('replays', () => replays.stop());
  deadRoutes(routes, stores);
  redriveRoutes(routes, { ...stores, topic: stores.topics.retry });
  replayRoutes(routes, { ...stores, replays });
}
