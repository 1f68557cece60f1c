import type { Routes } from '../routes.js';
import type { AdminOptions } from './admin-options.js';
import { auditRoute } from './audit-route.js';
import { erasureRoutes } from './erasure-routes.js';
import { keyRoutes } from './key-routes.js';
import { pauseRoutes } from './pause-routes.js';
import { suppressionRoutes } from './suppression-routes.js';
import { tenantRoutes } from './tenant-routes.js';
import { unknownRoutes } from './unknown-routes.js';

/** What only keys with the scope `admin` may do. Every change leaves a row in the audit trail, in the same transaction. */
export function adminRoutes(routes: Routes, options: AdminOptions): void {
  tenantRoutes(routes, options);
  keyRoutes(routes, options);
  pauseRoutes(routes, options);
  unknownRoutes(routes, options);
  suppressionRoutes(routes, options);
  erasureRoutes(routes, options);
  auditRoute(routes, options);
}
