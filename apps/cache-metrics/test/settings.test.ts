import { describe, expect, it } from 'vitest';
import { readSettings } from '../src/settings.js';

const env = { KAFKA_BROKERS: 'localhost:9092', DATABASE_URL: 'postgres://localhost/mersal' };

describe('the settings of cache-metrics', () => {
  it('need no secret but its own logins: neither the key of the credentials nor that of ids or admins', () => {
    const settings = readSettings({
      ...env,
      CREDENTIALS_KEY: Buffer.alloc(32).toString('base64'),
      ID_KEYS: `1:${Buffer.alloc(32).toString('base64')}`,
    });
    const names = Object.keys(settings);
    expect(names).toContain('DATABASE_URL');
    for (const secret of [
      'CREDENTIALS_KEY',
      'CREDENTIALS_KEYS_OLD',
      'ID_KEYS',
      'ADMIN_TOKEN_HASH',
      'REDIS_URL',
    ])
      expect(names).not.toContain(secret);
    expect(() => readSettings(env)).not.toThrow();
  });

  it('refuse what does not go together, and certificates that are none', () => {
    expect(() => readSettings({ ...env, KAFKA_TLS: 'true', KAFKA_TLS_CA: import.meta.filename })).toThrow(
      'KAFKA_TLS_CA must be the path of a readable PEM file',
    );
    expect(() => readSettings({ ...env, KAFKA_SASL_MECHANISM: 'scram-sha-512' })).toThrow(
      'KAFKA_SASL_USERNAME is not set although KAFKA_SASL_MECHANISM is scram-sha-512',
    );
  });
});
