import { metricCatalogue } from '@mersal/telemetry';

import { table } from './markdown-table.mjs';

/** docs/metrics.md: every metric of our own. */
export function metricsPage() {
  const rows = Object.entries(metricCatalogue).map(([name, metric]) => [
    `\`${exposedName(name, metric)}\``,
    metric.kind,
    metric.unit === '1' ? '' : metric.unit,
    metric.labels.map((label) => `\`${label}\``).join(', '),
    metric.text,
  ]);
  return `# Metrics

Every service serves \`/metrics\` in Prometheus' text format on its probe listener (PROBE_HOST, PROBE_PORT), together
with \`/health/live\` and \`/health/ready\`. Names are as Prometheus shows them: a counter
ends in \`_total\`, a histogram has \`_bucket\`, \`_sum\` and \`_count\`; times are in seconds. No label is a restaurant, a message or a number: what they
may hold is bounded.

${table(['Metric', 'Kind', 'Unit', 'Labels', 'Meaning'], rows)}

Besides these there are Node's own (event loop delay and utilisation, garbage collection, heap) from OpenTelemetry's
runtime instrumentation, and the simulator's \`simulator_*\`.

A gauge that can not be known is absent, not zero: alert on its absence too.
`;
}

/** As the Prometheus exporter writes it. @param {string} name @param {{ kind: string }} metric */
export function exposedName(name, { kind }) {
  return kind === 'counter' ? `${name}_total` : name;
}
