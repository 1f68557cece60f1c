import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMetrics, metricCatalogue, type MetricName } from '@mersal/telemetry';
import { serveMetrics, startTelemetry, stopTelemetry } from '@mersal/telemetry/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exposedName } from '../metrics-page.mjs';

beforeAll(() => startTelemetry({}, 'test'));
afterAll(() => stopTelemetry());

describe('metrics', () => {
  it('are exposed by the names that the docs give them', async () => {
    const metrics = createMetrics();
    const catalogue = Object.entries(metricCatalogue) as [MetricName, (typeof metricCatalogue)[MetricName]][];
    for (const [name, { kind }] of catalogue) {
      if (kind === 'counter') metrics.count(name as 'mersal_accepted');
      if (kind === 'histogram') metrics.observe(name as 'mersal_http_duration', 0.02);
      if (kind === 'gauge')
        metrics.gauge(name as 'mersal_heads', () => (name === 'mersal_unknown' ? null : 3));
    }
    const server = createServer(serveMetrics);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    try {
      const { port } = server.address() as AddressInfo;
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      for (const [name, metric] of catalogue) {
        const shown = exposedName(name, metric);
        if (name === 'mersal_unknown') expect(text).not.toMatch(new RegExp(`^${shown}[{ ]`, 'm'));
        else expect(text).toMatch(new RegExp(`^${shown}(_bucket)?[{ ]`, 'm'));
      }
      expect(text).toMatch(/^mersal_http_duration_bucket\{[^}]*le="0.025"[^}]*\} 1$/m);
    } finally {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    }
  });
});
