import { readFileSync } from 'node:fs';
import { metricCatalogue } from '@mersal/telemetry';
import { describe, expect, it } from 'vitest';
import { exposedName } from '../../docs/metrics-page.mjs';

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly type: string;
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
    readonly targets?: readonly {
      readonly expr: string;
      readonly legendFormat: string;
    }[];
  }[];
}

const dashboard = JSON.parse(
  readFileSync(new URL('../grafana/dashboards/mersal.json', import.meta.url), 'utf8'),
) as Dashboard;
const exposed = new Map(
  Object.entries(metricCatalogue).flatMap(([name, metric]) => {
    const shown = exposedName(name, metric);
    const names =
      metric.kind === 'histogram' ? [`${shown}_bucket`, `${shown}_sum`, `${shown}_count`] : [shown];
    return names.map((each): [string, readonly string[]] => [each, metric.labels]);
  }),
);

/** What Prometheus adds to whatever it scrapes, and to histograms. */
const ADDED = ['le', 'instance'];

describe('the dashboard', () => {
  const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }): [string, string, string] => [title, expr, legendFormat]),
  );
  it.each(queries)('%s asks for what is there: %s', (_title, expr, legend) => {
    const names = expr.match(/\bmersal_\w+/g) ?? [];
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !exposed.has(name))).toEqual([]);
    const known = new Set([...ADDED, ...names.flatMap((name) => exposed.get(name) ?? [])]);
    const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) => (match[1] ?? '').split(/,\s*/));
    const matched = [...expr.matchAll(/[{,](\w+)(?:=|!=|=~|!~)"/g)].map((match) => match[1] ?? '');
    expect([...by, ...matched].filter((label) => !known.has(label))).toEqual([]);
    const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '');
    expect(shown.filter((label) => !by.includes(label))).toEqual([]);
  });
  it('shows every metric of the catalogue', () => {
    const all = queries.map(([, expr]) => expr).join('\n');
    const shown = ([name, metric]: [string, (typeof metricCatalogue)[keyof typeof metricCatalogue]]) =>
      all.includes(exposedName(name, metric));
    const catalogue = Object.entries(metricCatalogue) as [string, (typeof metricCatalogue)['mersal_heads']][];
    expect(catalogue.filter((entry) => !shown(entry)).map(([name]) => name)).toEqual([]);
  });
  it('has no panel over another, nor beyond the edge', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken, title).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
    }
  });
});
