import { rows } from './panels.mjs';

const WIDTH = 24;
const DATASOURCE = { type: 'prometheus', uid: 'prometheus' };
const SIZES = { stat: { w: 4, h: 4 }, timeseries: { w: 12, h: 8 } };

/** The dashboard as Grafana provisions it: `node infra/docs/generate.mjs` writes it.
 * @returns {[path: string, text: string]} */
export function dashboardFile() {
  const dashboard = {
    uid: 'mersal',
    title: 'Mersal',
    tags: ['mersal'],
    schemaVersion: 41,
    version: 1,
    refresh: '5s',
    time: { from: 'now-30m', to: 'now' },
    panels: laidOut(),
  };
  return ['infra/observability/grafana/dashboards/mersal.json', `${JSON.stringify(dashboard, null, 2)}\n`];
}

/** Rows from the top, the panels of each from the left. */
function laidOut() {
  const placed = [];
  let top = 0;
  for (const { title, panels } of rows) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y: top, w: WIDTH, h: 1 },
      panels: [],
    });
    top += 1;
    let left = 0;
    let height = 0;
    for (const panel of panels) {
      const { w, h } = SIZES[panel.type ?? 'timeseries'];
      if (left + w > WIDTH) {
        left = 0;
        top += height;
      }
      placed.push({
        id: placed.length + 1,
        ...drawn(panel),
        gridPos: { x: left, y: top, w, h },
      });
      left += w;
      height = h;
    }
    top += height;
  }
  return placed;
}

/** @param {import('./panels.mjs').Panel} panel */
function drawn({ title, unit, type = 'timeseries', queries, words, badFrom }) {
  const steps = [
    { color: 'green', value: null },
    ...(badFrom === undefined ? [] : [{ color: 'red', value: badFrom }]),
  ];
  return {
    type,
    title,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: {
        ...(unit === undefined ? {} : { unit }),
        min: 0,
        // What can not be known is not reported: that is not the same as nothing.
        noValue: 'unknown',
        ...(type === 'stat' ? { thresholds: { mode: 'absolute', steps } } : {}),
        ...(words === undefined
          ? {}
          : {
              mappings: [
                {
                  type: 'value',
                  options: Object.fromEntries(
                    Object.entries(words).map(([value, text]) => [value, { text }]),
                  ),
                },
              ],
            }),
      },
      overrides: [],
    },
    targets: Object.entries(queries).map(([legendFormat, expr], index) => ({
      refId: String.fromCodePoint(65 + index),
      expr,
      legendFormat,
    })),
  };
}
