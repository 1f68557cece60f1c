import { type Config, KAFKA_SETTINGS, kafkaRelations, readConfig, type Relation } from '@mersal/config';
import { parseIdKeys } from '@mersal/contracts';
import { CredentialError, parseCredentialKeys } from '@mersal/ledger';

const NAMES = [
  'WHATSAPP_SEND_QUEUE_ENABLED',
  'WHATSAPP_SEND_QUEUE_NAME',
  ...KAFKA_SETTINGS,
  'REDIS_URL',
  'REDIS_TLS_CA',
  'DATABASE_URL',
  'DATABASE_POOL',
  'PORT',
  'HOST',
  'PROBE_PORT',
  'PROBE_HOST',
  'PUBLIC_URL',
  'TRUSTED_PROXIES',
  'TENANT_CONCURRENCY',
  'GLOBAL_RATE_PER_SECOND',
  'TENANT_RATE_PER_SECOND',
  'SENDER_RATE_PER_SECOND',
  'TWILIO_API_BASE_URL',
  'TWILIO_TIMEOUT_MS',
  'TWILIO_CONNECT_TIMEOUT_MS',
  'TWILIO_MAX_SOCKETS',
  'INGRESS_RATE_PER_TENANT',
  'PRODUCE_DEADLINE_MS',
  'CREDENTIALS_KEY',
  'CREDENTIALS_KEYS_OLD',
  'ID_KEYS',
  'ADMIN_TOKEN_HASH',
  'METRICS_AUTH',
  'CONSOLE_DIR',
  'CONSOLE_TRACE_URL',
  'LOG_LEVEL',
  'INSTANCE',
] as const;

type Name = (typeof NAMES)[number];
export type Settings = Config<Name>;

const relations: readonly Relation<Name>[] = [
  ...kafkaRelations,
  (c) => {
    const url = new URL(c.PUBLIC_URL);
    return url.pathname !== '/' || url.search !== '' || url.hash !== ''
      ? 'PUBLIC_URL must be an origin without a path: callbacks are signed for <origin>/webhooks/twilio/status'
      : undefined;
  },
  (c) => faultOf('ID_KEYS', RangeError, () => parseIdKeys(c.ID_KEYS)),
  (c) =>
    faultOf('CREDENTIALS_KEY or CREDENTIALS_KEYS_OLD', CredentialError, () =>
      parseCredentialKeys(c.CREDENTIALS_KEY, c.CREDENTIALS_KEYS_OLD),
    ),
];

/** Throws ConfigError with every fault of the environment. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  return readConfig(env, NAMES, relations);
}

/** Settings that each are allowed, but together are likely not meant. */
export function riskyCombinations(settings: Settings): string[] {
  const open = !LOOPBACK.has(settings.HOST);
  const warnings: string[] = [];
  if (open && settings.METRICS_AUTH === 'none') {
    warnings.push(
      `METRICS_AUTH=none with HOST=${settings.HOST}: whoever reaches this address reads every restaurant's load`,
    );
  }
  if (open && new URL(settings.PUBLIC_URL).protocol === 'http:') {
    warnings.push(
      'PUBLIC_URL is http: keys and callbacks travel in the clear unless something ends TLS before',
    );
  }
  if (open && new URL(settings.PUBLIC_URL).protocol === 'https:' && settings.TRUSTED_PROXIES.length === 0) {
    warnings.push(
      'TRUSTED_PROXIES is not set although TLS is ended before: all callers have the address of what ends it, and wrong keys of one slow down the others’',
    );
  }
  if (open && LOOPBACK.has(new URL(settings.PUBLIC_URL).hostname)) {
    warnings.push('PUBLIC_URL names this machine itself: Twilio will not reach it with status callbacks');
  }
  if (settings.KAFKA_SASL_MECHANISM === 'plain' && !settings.KAFKA_TLS) {
    warnings.push('KAFKA_SASL_MECHANISM=plain without KAFKA_TLS: the password travels in the clear');
  }
  if (settings.PRODUCE_DEADLINE_MS < 1_000) {
    warnings.push(
      `PRODUCE_DEADLINE_MS=${settings.PRODUCE_DEADLINE_MS}: a change of a partition's leader takes longer and will answer 503`,
    );
  }
  return warnings;
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '[::1]', 'localhost']);

function faultOf(
  name: string,
  kind: new (...args: never[]) => Error,
  read: () => unknown,
): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof kind) return `${name}: ${error.message}`;
    throw error;
  }
}
