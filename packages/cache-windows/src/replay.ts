import { type Alert, judgeWindow } from './judge.js';
import { type Counts, PANE_MS, paneOf } from './panes.js';
import type { ShadowPanes } from './shadow.js';
import type { SpikeLimits } from './spike.js';

const MINUTE_MS = 60_000;

export interface MinuteCounts extends Counts {
  readonly key: string;
  readonly tenant: string;
  /** Its start, ms since 1970. */
  readonly minute: number;
  readonly late: number;
}

/** What was recorded when the events came. */
export interface Recorded {
  readonly minutes: readonly MinuteCounts[];
  /** Those that were open at some time of the range. */
  readonly alerts: readonly Alert[];
}

type Numbers = readonly [hits: number, misses: number, creations: number, late: number];

export interface MinuteDifference {
  readonly key: string;
  readonly tenant: string;
  readonly minute: number;
  readonly recorded: Numbers;
  readonly replayed: Numbers;
}

export interface AlertDifference {
  readonly scope: Alert['scope'];
  readonly key: string;
  readonly openedAt: number;
  /** Null where there is none. */
  readonly recorded: AlertEnd | null;
  readonly replayed: AlertEnd | null;
}

/** `closedAt` null while it is open; what was found to be its cause may then still change. */
export type AlertEnd = Pick<Alert, 'closedAt' | 'cause'>;

export interface ReplayReport {
  readonly windows: number;
  readonly minutes: number;
  readonly minutesDiffer: readonly MinuteDifference[];
  readonly alerts: readonly Alert[];
  readonly alertsDiffer: readonly AlertDifference[];
}

/**
 * Judges the windows that end after `from` and up to `to` once more, from panes that were counted anew, and tells what was recorded
 * otherwise. `from` is a whole minute and `to` a pane's end, ms since 1970; counts are compared by whole minutes. Alerts that were open at
 * `from` are taken as they were recorded.
 */
export async function compareReplay(
  shadow: ShadowPanes,
  recorded: Recorded,
  { from, to, limits }: { readonly from: number; readonly to: number; readonly limits: SpikeLimits },
): Promise<ReplayReport> {
  const found = new Map<string, Alert>();
  let open: readonly Alert[] = recorded.alerts
    .filter(({ openedAt, closedAt }) => openedAt <= from && (closedAt === null || closedAt > from))
    .map((alert) => ({ ...alert, closedAt: null }));
  for (const alert of open) found.set(idOf(alert), alert);
  let windows = 0;
  for (let end = paneOf(from) + PANE_MS; end <= to; end += PANE_MS) {
    const judged = await judgeWindow(shadow, end, open, limits);
    for (const alert of judged.alerts) found.set(idOf(alert), alert);
    open = judged.alerts.filter(({ closedAt }) => closedAt === null);
    windows += 1;
  }
  const minutes = compareMinutes(shadow, recorded.minutes, from, Math.floor(to / MINUTE_MS) * MINUTE_MS);
  return {
    windows,
    ...minutes,
    alerts: [...found.values()],
    alertsDiffer: compareAlerts(found, recorded.alerts, to),
  };
}

function compareMinutes(
  shadow: ShadowPanes,
  recorded: readonly MinuteCounts[],
  from: number,
  to: number,
): { minutes: number; minutesDiffer: MinuteDifference[] } {
  type Row = { key: string; tenant: string; minute: number; recorded: Numbers; replayed: Numbers };
  const rows = new Map<string, Row>();
  const rowOf = (key: string, tenant: string, minute: number): Row => {
    const id = JSON.stringify([minute, key, tenant]);
    let row = rows.get(id);
    if (!row) rows.set(id, (row = { key, tenant, minute, recorded: ZERO, replayed: ZERO }));
    return row;
  };
  for (const one of recorded) {
    if (one.minute < from || one.minute >= to) continue;
    const row = rowOf(one.key, one.tenant, one.minute);
    row.recorded = sum(row.recorded, one);
  }
  for (const pane of shadow.panes()) {
    if (pane.pane < from || pane.pane >= to) continue;
    const row = rowOf(pane.key, pane.tenant, Math.floor(pane.pane / MINUTE_MS) * MINUTE_MS);
    row.replayed = sum(row.replayed, pane);
  }
  const all = [...rows.values()];
  return {
    minutes: all.length,
    minutesDiffer: all
      .filter((row) => row.recorded.some((n, i) => n !== row.replayed[i]))
      .sort((a, b) => a.minute - b.minute || (a.key < b.key ? -1 : 1)),
  };
}

/**
 * Whether and when alerts opened and closed, and by which cause those that are over: how rate and cause moved meanwhile is told, not kept,
 * and what was recorded of an open one may be of a window behind the range.
 */
function compareAlerts(
  found: ReadonlyMap<string, Alert>,
  recorded: readonly Alert[],
  to: number,
): AlertDifference[] {
  // What was recorded after the range is not known to the replay.
  const known = new Map(
    recorded
      .filter(({ openedAt }) => openedAt <= to)
      .map((alert) => [
        idOf(alert),
        alert.closedAt !== null && alert.closedAt > to ? { ...alert, closedAt: null } : alert,
      ]),
  );
  const differences: AlertDifference[] = [];
  for (const id of new Set([...known.keys(), ...found.keys()])) {
    const before = known.get(id);
    const after = found.get(id);
    const any = before ?? after;
    if (!any || (before && after && isAlike(before, after))) continue;
    differences.push({
      scope: any.scope,
      key: any.key,
      openedAt: any.openedAt,
      recorded: before ? endOf(before) : null,
      replayed: after ? endOf(after) : null,
    });
  }
  return differences.sort((a, b) => a.openedAt - b.openedAt || (a.key < b.key ? -1 : 1));
}

function isAlike(one: AlertEnd, other: AlertEnd): boolean {
  return one.closedAt === other.closedAt && (one.closedAt === null || one.cause === other.cause);
}

function endOf({ closedAt, cause }: Alert): AlertEnd {
  return { closedAt, cause };
}

const ZERO: Numbers = [0, 0, 0, 0];

function sum([hits, misses, creations, late]: Numbers, more: Counts & { readonly late: number }): Numbers {
  return [hits + more.hits, misses + more.misses, creations + more.creations, late + more.late];
}

function idOf({ scope, key, openedAt }: Alert): string {
  return JSON.stringify([scope, key, openedAt]);
}
