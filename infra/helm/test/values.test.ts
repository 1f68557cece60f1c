import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { catalogue, ConfigError, readConfig, type VariableName } from '@mersal/config';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readSettings as cacheMetrics } from '../../../apps/cache-metrics/src/settings.js';
import { readSettings as ingress } from '../../../apps/ingress/src/settings.js';
import { readSettings as sender } from '../../../apps/sender/src/settings.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
interface Values {
  readonly settings: Readonly<Record<string, string>>;
}
interface Keys {
  readonly needed: readonly string[];
  readonly optional: readonly string[];
}
const values = parse(read('infra/helm/mersal/values.yaml')) as Values;
const secrets = parse(read('infra/helm/mersal/files/secrets.yaml')) as Readonly<Record<string, Keys>>;
const entries = Object.entries(catalogue) as [
  VariableName,
  { readonly secret?: boolean; readonly fallback: string | undefined },
][];

/** What a service asks its environment for. */
function settingsOf(readSettings: (env: Readonly<Record<string, string | undefined>>) => unknown) {
  const asked = new Set<string>();
  const nothing = new Proxy<Record<string, undefined>>(
    {},
    { get: (_, name) => void asked.add(String(name)) },
  );
  expect(() => readSettings(nothing)).toThrow(ConfigError);
  return asked;
}

describe('the chart', () => {
  it('has defaults of settings that exist, to values that are good', () => {
    const { KAFKA_BROKERS: brokers, ...settings } = values.settings;
    expect(brokers).toBe('');
    expect(readConfig(settings, Object.keys(settings) as VariableName[])).toMatchObject({
      TOPIC_PARTITIONS: 48,
    });
  });
  it('has defaults that are those of the services, where somebody computes with them', () => {
    for (const name of ['TOPIC_PARTITIONS', 'TWILIO_TIMEOUT_MS'] as const)
      expect(values.settings[name]).toBe(catalogue[name].fallback);
  });
  it.each([
    ['ingress', ingress],
    ['sender', sender],
    ['cache-metrics', cacheMetrics],
  ])('gives %s the secrets that it reads, and no other', (app, readSettings) => {
    const names = settingsOf(readSettings);
    expect(names.size).toBeGreaterThan(10);
    const wanted = entries.filter(([name, { secret }]) => secret === true && names.has(name));
    expect([...(secrets[app]?.needed ?? []), ...(secrets[app]?.optional ?? [])].toSorted()).toEqual(
      wanted.map(([name]) => name).toSorted(),
    );
    expect(secrets[app]?.needed).toEqual(
      expect.arrayContaining(
        wanted.filter(([, { fallback }]) => fallback === undefined).map(([name]) => name),
      ),
    );
  });
  it('brings the alerts and the dashboards that are tested, and no copies of them', () => {
    for (const [file, source] of [
      ['alerts.yml', 'alerts.yml'],
      ['dashboards/mersal.json', 'grafana/dashboards/mersal.json'],
    ])
      expect(realpathSync(new URL(`infra/helm/mersal/files/${file}`, root))).toBe(
        fileURLToPath(new URL(`infra/observability/${source}`, root)),
      );
  });
});
