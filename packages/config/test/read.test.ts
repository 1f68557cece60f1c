import { catalogue, ConfigError, readConfig, type VariableName } from '@mersal/config';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const names = Object.keys(catalogue) as VariableName[];
const key = Buffer.alloc(32, 7).toString('base64');
const mandatory = {
  KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092',
  DATABASE_URL: 'postgres://mersal:s3cret@db/mersal',
  CREDENTIALS_KEY: key,
  ID_KEYS: `1:${key}`,
};
function faultsOf(env: Record<string, string>, read: readonly VariableName[] = names): readonly string[] {
  try {
    readConfig(env, read);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('the environment', () => {
  it('with what is mandatory gives every value its type and default', () => {
    const config = readConfig(mandatory, names);
    expect(config).toMatchObject({
      KAFKA_BROKERS: ['kafka-1:9092', 'kafka-2:9092'],
      WHATSAPP_SEND_QUEUE_ENABLED: true,
      QUEUE_RETRY_ATTEMPTS: 3,
      QUEUE_BACKOFF_DELAY: 2_000,
      TENANT_CONCURRENCY: 5,
      GLOBAL_RATE_PER_SECOND: 80,
      TENANT_RATE_PER_SECOND: null,
      METRICS_AUTH: 'token',
    });
    expect(config.TWILIO_API_BASE_URL).toBe(undefined);
  });
  it('counts an empty text as not set', () => {
    expect(readConfig({ ...mandatory, PORT: '' }, ['PORT']).PORT).toBe(3_000);
    expect(faultsOf({ ...mandatory, KAFKA_BROKERS: '' })).toEqual([
      'KAFKA_BROKERS is not set (host:port, comma-separated: Kafka bootstrap addresses)',
    ]);
  });
  it('tells all faults at once, each by its variable', () => {
    const faults = faultsOf({
      KAFKA_BROKERS: 'kafka',
      REDIS_URL: 'http://cache',
      PORT: '70000',
      QUEUE_RETRY_ATTEMPTS: '-1',
      GLOBAL_RATE_PER_SECOND: 'fast',
      METRICS_AUTH: 'maybe',
      WHATSAPP_SEND_QUEUE_ENABLED: 'yes',
      ID_KEYS: 'x',
    });
    const about = faults.map((fault) => fault.split(' ', 1)[0]);
    expect(new Set(about)).toEqual(
      new Set([
        'WHATSAPP_SEND_QUEUE_ENABLED',
        'KAFKA_BROKERS',
        'REDIS_URL',
        'DATABASE_URL',
        'QUEUE_RETRY_ATTEMPTS',
        'PORT',
        'GLOBAL_RATE_PER_SECOND',
        'CREDENTIALS_KEY',
        'ID_KEYS',
        'METRICS_AUTH',
      ]),
    );
    expect(about).toHaveLength(new Set(about).size);
    expect(faults).toContain('PORT must be at most 65535, not "70000"');
  });
  it('is read only where it is asked for', () => {
    expect(readConfig({ PORT: '1', REDIS_URL: 'nonsense' }, ['PORT'])).toEqual({ PORT: 1 });
  });
  it.each(['3.5', '1e3', '0x10', ' 5', '5 ', '٥', 'NaN'])('takes "%s" for no whole number', (text) => {
    expect(faultsOf({ QUEUE_RETRY_ATTEMPTS: text }, ['QUEUE_RETRY_ATTEMPTS'])).toEqual([
      `QUEUE_RETRY_ATTEMPTS must be a whole number, not "${text}"`,
    ]);
  });
  it('takes a rate, or unlimited, but not 0', () => {
    const rate = (text: string) => readConfig({ GLOBAL_RATE_PER_SECOND: text }, ['GLOBAL_RATE_PER_SECOND']);
    expect(rate('0.5').GLOBAL_RATE_PER_SECOND).toBe(0.5);
    expect(rate('unlimited').GLOBAL_RATE_PER_SECOND).toBe(null);
    expect(() => rate('0')).toThrow(ConfigError);
  });
  it('takes addresses and networks, and names every one that is neither', () => {
    const proxies = (text: string) =>
      readConfig({ TRUSTED_PROXIES: text }, ['TRUSTED_PROXIES']).TRUSTED_PROXIES;
    expect(proxies('')).toEqual([]);
    expect(proxies('10.0.0.7, 10.1.0.0/16,2001:db8::/32,::1')).toEqual([
      '10.0.0.7',
      '10.1.0.0/16',
      '2001:db8::/32',
      '::1',
    ]);
    const wrong = [
      'true',
      '10.0.0',
      '10.0.0.0/33',
      '0.0.0.0/0',
      '::/0',
      '::1/129',
      '10.0.0.0/8/8',
      '10.0.0.0/',
      '',
      '::ffff:10.0.0.1',
      'fe80::1%eth0',
    ];
    expect(faultsOf({ TRUSTED_PROXIES: ['10.0.0.7', ...wrong].join(',') }, ['TRUSTED_PROXIES'])).toEqual([
      expect.stringContaining(`which ${wrong.map((text) => JSON.stringify(text)).join(', ')} are not`),
    ]);
  });
  it('of any kind gives a config or its faults, and nothing else', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.string()), (env) => {
        expect(Array.isArray(faultsOf({ ...env }))).toBe(true);
      }),
    );
  });
});

describe('secrets', () => {
  const secrets = names.filter((name) => {
    const variable = catalogue[name];
    return 'secret' in variable && variable.secret;
  });
  it('are those that one would think of', () => {
    expect(secrets).toEqual(
      expect.arrayContaining([
        'DATABASE_URL',
        'REDIS_URL',
        'KAFKA_SASL_PASSWORD',
        'CREDENTIALS_KEY',
        'ID_KEYS',
        'ADMIN_TOKEN_HASH',
      ]),
    );
  });
  it('are in no fault, however wrong they are', () => {
    fc.assert(
      fc.property(fc.constantFrom(...secrets), fc.stringMatching(/^[a-z]{24}$/), (name, value) => {
        expect(faultsOf({ [name]: `?${value}?` }, [name]).join('\n')).not.toContain(value);
      }),
    );
  });
});

describe('relations', () => {
  const relation = (config: { readonly PORT: number; readonly PROBE_PORT: number }) =>
    config.PORT === config.PROBE_PORT ? 'PORT and PROBE_PORT are the same' : undefined;
  it('are told as faults', () => {
    expect(() =>
      readConfig({ PORT: '8080', PROBE_PORT: '8080' }, ['PORT', 'PROBE_PORT'], [relation]),
    ).toThrow(/^The environment has 1 fault:\n {2}- PORT and PROBE_PORT are the same$/);
    expect(readConfig({ PORT: '8080' }, ['PORT', 'PROBE_PORT'], [relation]).PORT).toBe(8_080);
  });
  it('are asked only about values that are good', () => {
    expect(() =>
      readConfig(
        { PORT: 'x', PROBE_PORT: '1' },
        ['PORT', 'PROBE_PORT'],
        [
          () => {
            throw new Error('asked');
          },
        ],
      ),
    ).toThrow(ConfigError);
  });
});

describe('the catalogue', () => {
  it.each(names.filter((name) => catalogue[name].fallback !== undefined))(
    'has a default for %s that is good',
    (name) => {
      expect(faultsOf({}, [name])).toEqual([]);
    },
  );
});
