import type { TemplateAlert } from '@mersal/contracts';
import { diagnoseAll, diagnoseKey, type Diagnosis, type Evidence } from './diagnosis.js';
import { type Counts, missRate, NONE, WINDOW_MS } from './panes.js';
import { SPIKE_LIMITS, type SpikeLimits, spikeStep } from './spike.js';

/** Keys judged by themselves in a window, besides those whose spike is open: the ones with most misses. */
export const MOST_KEYS_JUDGED = 200;

/** A spike, open or just closed. `key` is `*` for all keys together. */
export interface Alert {
  readonly scope: TemplateAlert['scope'];
  readonly key: string;
  /** The end of the window that opened it, ms since 1970. */
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly judgedAt: number;
  readonly missRate: number;
  readonly requests: number;
  readonly cause: TemplateAlert['cause'];
  readonly distinctHashes: number | null;
  readonly message: string;
  /** The rate that its last event told. */
  readonly toldRate: number;
}

/** Sums of one window: `total` of all keys, and of those keys that are judged by themselves. */
export interface WindowSums {
  readonly total: Counts;
  readonly keys: ReadonlyMap<string, Counts>;
}

/** Where windows come from: the ledger's panes, or a replay's. `end` is a pane's end, ms since 1970. */
export interface WindowSource {
  /** The `MOST_KEYS_JUDGED` keys with most misses, equal ones by name, and `besides`. */
  sums(end: number, besides: readonly string[]): Promise<WindowSums>;
  evidence(end: number, keys: readonly string[]): Promise<ReadonlyMap<string, Evidence>>;
}

export interface Judgement {
  /** Every alert that was open or is now, as it stands after this window. */
  readonly alerts: readonly Alert[];
  readonly events: readonly TemplateAlert[];
}

const GLOBAL = '*';
const TOLD_AGAIN_AT = 0.1;
const NO_EVIDENCE: Evidence = { firstAt: null, before: NONE, reasons: new Map(), tenants: [] };

/** Judges the window that ends at `end`: a function of its panes and of the alerts that were open before it. */
export async function judgeWindow(
  source: WindowSource,
  end: number,
  open: readonly Alert[],
  limits: SpikeLimits = SPIKE_LIMITS,
): Promise<Judgement> {
  const openGlobal = open.find(({ scope }) => scope === 'global');
  const openKeys = new Map(open.filter(({ scope }) => scope === 'key').map((alert) => [alert.key, alert]));
  const sums = await source.sums(end, [...openKeys.keys()]);
  const globalStep = spikeStep(openGlobal !== undefined, sums.total, limits);
  const keySteps = [...new Set([...sums.keys.keys(), ...openKeys.keys()])].map((key) => {
    const window = sums.keys.get(key) ?? NONE;
    return { key, window, step: spikeStep(openKeys.has(key), window, limits) };
  });
  const globalShown = globalStep === 'open' || globalStep === 'stay';
  const shown = keySteps.filter(({ step, window }) =>
    globalShown ? window.misses > 0 : step === 'open' || step === 'stay',
  );
  const evidence =
    shown.length === 0
      ? new Map<string, Evidence>()
      : await source.evidence(
          end,
          shown.map(({ key }) => key),
        );
  const diagnosed = shown.map(({ key, window }) => ({
    key,
    window,
    diagnosis: diagnoseKey(key, end - WINDOW_MS, window, evidence.get(key) ?? NO_EVIDENCE),
  }));

  const alerts: Alert[] = [];
  const events: TemplateAlert[] = [];
  const next = (before: Alert | undefined, now: Standing): void => {
    const { alert, event } = step(before, now, end);
    if (alert) alerts.push(alert);
    if (event) events.push(event);
  };
  next(openGlobal, {
    scope: 'global',
    key: GLOBAL,
    step: globalStep,
    window: sums.total,
    diagnosis: globalShown ? diagnoseAll(diagnosed) : undefined,
  });
  const diagnoses = new Map(diagnosed.map(({ key, diagnosis }) => [key, diagnosis]));
  for (const one of keySteps.sort((a, b) => (a.key < b.key ? -1 : 1)))
    next(openKeys.get(one.key), { scope: 'key', ...one, diagnosis: diagnoses.get(one.key) });
  return { alerts, events };
}

interface Standing {
  readonly scope: Alert['scope'];
  readonly key: string;
  readonly step: ReturnType<typeof spikeStep>;
  readonly window: Counts;
  readonly diagnosis: Diagnosis | undefined;
}

function step(
  before: Alert | undefined,
  now: Standing,
  end: number,
): { alert?: Alert; event?: TemplateAlert } {
  const { scope, key, window, diagnosis } = now;
  if (now.step === 'quiet') return {};
  const rate = missRate(window);
  const requests = window.hits + window.misses;
  if (now.step === 'close') {
    if (!before) return {};
    const message = `Cache miss spike is over${of(scope, key)}. Miss rate: ${percent(rate)}`;
    const alert: Alert = {
      ...before,
      closedAt: end,
      judgedAt: end,
      missRate: rate,
      requests,
      message,
      toldRate: rate,
    };
    return { alert, event: eventOf(alert, 'closed') };
  }
  const cause = diagnosis?.cause ?? 'unknown';
  const standing = {
    scope,
    key,
    openedAt: before?.openedAt ?? end,
    closedAt: null,
    judgedAt: end,
    missRate: rate,
    requests,
    cause,
    distinctHashes: diagnosis?.distinctHashes ?? null,
    message: `Cache miss spike detected! Miss rate: ${percent(rate)}${of(scope, key)}. ${sentence(diagnosis?.words ?? '')}`,
  };
  if (!before) {
    const alert = { ...standing, toldRate: rate };
    return { alert, event: eventOf(alert, 'opened') };
  }
  const news = cause !== before.cause || Math.abs(rate - before.toldRate) >= TOLD_AGAIN_AT;
  const alert = { ...standing, toldRate: news ? rate : before.toldRate };
  return news ? { alert, event: eventOf(alert, 'updated') } : { alert };
}

function eventOf(alert: Alert, state: TemplateAlert['state']): TemplateAlert {
  return {
    state,
    scope: alert.scope,
    key: alert.scope === 'global' ? null : alert.key,
    openedAt: alert.openedAt,
    at: alert.judgedAt,
    missRate: alert.missRate,
    requests: alert.requests,
    cause: alert.cause,
    distinctHashes: alert.distinctHashes,
    message: alert.message,
  };
}

const of = (scope: Alert['scope'], key: string): string => (scope === 'global' ? '' : ` for key ${key}`);
const percent = (rate: number): string => `${(rate * 100).toFixed(1)}%`;
const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
