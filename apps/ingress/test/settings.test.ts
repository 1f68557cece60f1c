import { randomBytes } from 'node:crypto';
import { ConfigError } from '@mersal/config';
import { expect, it } from 'vitest';
import { readSettings, riskyCombinations } from '../src/settings.js';

const key = randomBytes(32).toString('base64');
const GOOD = {
  KAFKA_BROKERS: 'localhost:9092',
  DATABASE_URL: 'postgres://localhost/mersal',
  CREDENTIALS_KEY: key,
  ID_KEYS: `1:${key}`,
};

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readSettings(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults;
  }
}

it('needs four variables and no more', () => {
  expect(faultsOf(GOOD)).toEqual([]);
  expect(faultsOf({})).toHaveLength(4);
});

it.each([
  [{ PUBLIC_URL: 'https://mersal.example/api' }, /PUBLIC_URL/],
  [{ KAFKA_SASL_MECHANISM: 'plain' }, /KAFKA_SASL_USERNAME/],
  [{ ID_KEYS: '1:AAAA' }, /ID_KEYS/],
  [{ CREDENTIALS_KEYS_OLD: 'old:AAAA' }, /CREDENTIALS_KEYS_OLD/],
  [{ PORT: '70000' }, /PORT/],
  [{ TRUSTED_PROXIES: '10.0.0.0/8,0.0.0.0/0' }, /TRUSTED_PROXIES .*"0\.0\.0\.0\/0" is not/],
])('refuses %j', (env, fault) => {
  expect(faultsOf({ ...GOOD, ...env })).toEqual([expect.stringMatching(fault)]);
});

it('warns of what is likely not meant', () => {
  expect(riskyCombinations(readSettings(GOOD))).toEqual([]);
  const open = riskyCombinations(
    readSettings({ ...GOOD, HOST: '0.0.0.0', METRICS_AUTH: 'none', PRODUCE_DEADLINE_MS: '500' }),
  );
  expect(open.join('\n')).toMatch(/METRICS_AUTH[^]*http[^]*this machine[^]*PRODUCE_DEADLINE_MS/);
});

it('warns where all callers would have one address', () => {
  const env = { ...GOOD, HOST: '0.0.0.0', PUBLIC_URL: 'https://mersal.example' };
  expect(riskyCombinations(readSettings(env))).toEqual([expect.stringMatching(/^TRUSTED_PROXIES/)]);
  expect(riskyCombinations(readSettings({ ...env, TRUSTED_PROXIES: '10.0.0.0/8' }))).toEqual([]);
});
