import { metricCatalogue } from '@mersal/telemetry';
import { describe, expect, it } from 'vitest';

describe('metrics', () => {
  it('are all explained', () => {
    for (const [name, { text, unit }] of Object.entries(metricCatalogue)) {
      expect(name).toMatch(/^mersal_[a-z_]+$/);
      expect(text.length).toBeGreaterThan(10);
      expect(['1', 's']).toContain(unit);
    }
  });
});
