import { fileURLToPath } from 'node:url';
import {
  type Database,
  type Ledger,
  readBreakers,
  readLatency,
  readRateMode,
  readRestaurantLoads,
} from '@mersal/ledger';
import { LATENCY_WINDOW_MS } from '@mersal/delivery';
import type { KeyCheck } from '../auth/authenticate.js';
import { sharedRead } from '../metrics/shared-read.js';
import { within } from '../requests/deadline.js';
import type { Routes } from '../routes.js';
import type { Settings } from '../settings.js';
import { liveRoute } from './live-route.js';
import { quantilesOf } from './quantiles.js';
import { sessionRoutes } from './session-routes.js';
import type { Sessions } from './sessions.js';
import { consoleFiles } from './static-files.js';

export interface ConsoleOptions {
  readonly settings: Settings;
  readonly database: Database;
  readonly ledger: Pick<Ledger, 'readVitals' | 'readPauses'>;
  readonly partitions: number;
  readonly check: KeyCheck;
  readonly sessions: Sessions;
  readonly countQueue: () => Promise<object>;
  readonly countCache: () => Promise<{ readonly alerts: readonly { readonly state: string }[] }>;
  readonly validKeys: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly isDraining: () => boolean;
  /** Longest wait for the database, in ms. */
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly wallClock: () => number;
}

/** The build of apps/console, where nothing else is named. */
const BUILT = fileURLToPath(new URL('../../../console/dist', import.meta.url));
const MOST_RESTAURANTS = 50;
const MOST_BREAKERS = 50;
/** How old what is shown may be, in ms: whoever looks shares one read. */
const MAX_AGE_MS = { live: 900, restaurants: 3_000, keys: 5_000 };

/** The console: its files, its session, and what it shows live. */
export function composeConsole(routes: Routes, options: ConsoleOptions): void {
  const { settings, database, ledger, timeoutMs, now, wallClock } = options;
  const secure = settings.PUBLIC_URL.startsWith('https:');
  consoleFiles(routes, settings.CONSOLE_DIR ?? BUILT);
  sessionRoutes(routes, { ...options, secure, traceUrl: settings.CONSOLE_TRACE_URL });

  const owned = Array.from({ length: options.partitions }, (_, partition) => partition);
  const restaurants = sharedRead(
    () => readRestaurantLoads(database, MOST_RESTAURANTS),
    MAX_AGE_MS.restaurants,
    now,
  );
  const read = sharedRead(
    async () => {
      const [queue, cache, vitals, pauses, mode, loads, breakers, latency] = await Promise.all([
        options.countQueue(),
        options.countCache(),
        ledger.readVitals(owned),
        ledger.readPauses(),
        readRateMode(database),
        restaurants(),
        readBreakers(database, MOST_BREAKERS),
        readLatency(database),
      ]);
      return {
        at: new Date(wallClock()).toISOString(),
        queue,
        oldestHeadMs: vitals.oldestHeadMs,
        restaurants: loads,
        rate: { mode, perSecond: settings.GLOBAL_RATE_PER_SECOND },
        openAlerts: cache.alerts.filter(({ state }) => state === 'open').length,
        pauses: pauses.length,
        latency: latency && {
          windowMs: LATENCY_WINDOW_MS,
          wait: quantilesOf(latency.wait),
          call: quantilesOf(latency.call),
        },
        breakers: breakers.map(({ since, ...one }) => ({ ...one, since: new Date(since).toISOString() })),
      };
    },
    MAX_AGE_MS.live,
    now,
  );
  const checked = new Map<string, { readonly at: number; readonly valid: boolean }>();
  liveRoute(routes, {
    read: () => within('ledger', timeoutMs, read()),
    isDraining: options.isDraining,
    isValid: async (keyId) => {
      const known = checked.get(keyId);
      if (known && now() - known.at < MAX_AGE_MS.keys) return known.valid;
      const valid = (await within('ledger', timeoutMs, options.validKeys([keyId]))).has(keyId);
      if (checked.size > 1_000) checked.clear();
      checked.set(keyId, { at: now(), valid });
      return valid;
    },
  });
}
