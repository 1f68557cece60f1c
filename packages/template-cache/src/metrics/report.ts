import { type CacheHealth, cacheHealth } from '@mersal/contracts/cache-health';
import type { EventStreamState } from '../events/event-stream-state.js';
import { reasonOf } from '../logger.js';
import type { DatabaseTier } from '../tiers/database-tier.js';
import type { CacheMetrics } from './counts.js';
import { type CacheAlertReport, readRecorded, type RecordedReport } from './recorded.js';
import type { RuntimeReport } from './reported.js';

export interface DatabaseReport {
  readonly reachable: boolean;
  /** Templates stored, of all accounts; null where that can't be known. */
  readonly templates: number | null;
  readonly latencyMs: number;
  readonly reason?: string;
}

export interface CacheReport {
  /** This process. `events`: what waits for Kafka, was trimmed, was published; null without Kafka. */
  readonly runtime: RuntimeReport & { readonly events: EventStreamState | null };
  /** Null without DATABASE_URL. */
  readonly database: DatabaseReport | null;
  /** All instances, all time, as cache-metrics has counted them; null where that can't be read. */
  readonly all: CacheMetrics | null;
  /** Of all instances: open ones first, and those that closed within a day; null where they can't be read. */
  readonly alerts: readonly CacheAlertReport[] | null;
  /** By the hit rate of all instances where that is known, else of this process; with what the open alerts say. */
  readonly health: CacheHealth;
}

export async function cacheReport(
  runtime: CacheReport['runtime'],
  tier: DatabaseTier | undefined,
  now: number,
): Promise<CacheReport> {
  if (!tier)
    return { runtime, database: null, all: null, alerts: null, health: healthOf(runtime, undefined, []) };
  const [database, recorded] = await Promise.all([databaseReport(tier), recordedReport(tier, now)]);
  const troubles: string[] = [];
  if (!database.reachable) troubles.push('Postgres cannot be reached');
  // A table that this login may not read, or that is not there yet: unknown alerts are not none.
  else if ('reason' in recorded) troubles.push(`alerts cannot be read: ${recorded.reason}`);
  const known = 'reason' in recorded ? undefined : recorded;
  return {
    runtime,
    database,
    all: known?.all ?? null,
    alerts: known?.alerts ?? null,
    health: healthOf(runtime, known, troubles),
  };
}

function healthOf(
  runtime: RuntimeReport,
  recorded: RecordedReport | undefined,
  troubles: readonly string[],
): CacheHealth {
  const open = recorded?.alerts.filter(({ state }) => state === 'open') ?? [];
  const reasons = open.map(({ message }) => message);
  if (runtime.spike)
    reasons.push('more than half of what this process looked up within five minutes were misses');
  return cacheHealth(recorded?.all.hitRate ?? runtime.hitRate, [...reasons, ...troubles]);
}

async function databaseReport(database: DatabaseTier): Promise<DatabaseReport> {
  const from = performance.now();
  const latencyMs = (): number => Math.round((performance.now() - from) * 10) / 10;
  try {
    const templates = await database.count();
    return { reachable: true, templates, latencyMs: latencyMs() };
  } catch (error) {
    return { reachable: false, templates: null, latencyMs: latencyMs(), reason: reasonOf(error) };
  }
}

async function recordedReport(
  database: DatabaseTier,
  now: number,
): Promise<RecordedReport | { readonly reason: string }> {
  try {
    return await readRecorded((text, values) => database.read(text, values), now);
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}
