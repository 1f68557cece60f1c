import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { networks } from './networks.js';

/** One environment variable: how it is read, what it means. The docs page is generated from these. */
export interface Variable<T> {
  readonly schema: z.ZodType<T, string | undefined>;
  readonly unit: string;
  /** As a person would write it; undefined: mandatory. */
  readonly fallback: string | undefined;
  readonly text: string;
  /** Never shown, not even in an error message. */
  readonly secret?: boolean;
}

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
const positive = (max: number) =>
  z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'must be a number')
    .transform(Number)
    .pipe(z.number().gt(0, 'must be above 0').max(max, `must be at most ${max}`));
const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
  .transform((text) => text === 'true' || text === '1');
const address = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be a URL beginning with ${protocols.map((p) => `${p}//`).join(' or ')}`,
    );
const brokers = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(z.string().regex(/^[^\s:]+:\d{1,5}$/, 'must be host:port[,host:port…]')).min(1));
const base64Key = z
  .string()
  .refine(
    (text) => Buffer.from(text.split(':').at(-1) ?? '', 'base64').length === 32,
    'must be 32 bytes in base64',
  )
  .refine((text) => /^([0-9A-Za-z_-]+:)?[0-9A-Za-z+/=]+$/.test(text), 'must be base64, or <key id>:<base64>');
/** `unlimited`, or a positive number. */
const limitUpTo = (max: number) =>
  z.union([z.literal('unlimited').transform(() => null), positive(max)]) as z.ZodType<
    number | null,
    string | undefined
  >;
const limit = limitUpTo(1_000_000);
/** Rates by key give instants of 1 ms at the closest. */
const keyedLimit = limitUpTo(1_000);
const optional = <T>(schema: z.ZodType<T, string | undefined>) =>
  schema.optional() as z.ZodType<T | undefined, string | undefined>;

/** The path of a file in PEM, readable now: what is wrong with it is better told at the start than by a broken connection. */
const pemFile = optional(z.string().refine(isPem, 'must be the path of a readable PEM file'));

function isPem(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').includes('-----BEGIN ');
  } catch {
    return false;
  }
}

function variable<T>(
  schema: z.ZodType<T, string | undefined>,
  unit: string,
  fallback: string | undefined,
  text: string,
  more: { secret?: boolean } = {},
): Variable<T> {
  return { schema, unit, fallback, text, ...more };
}

/** Every environment variable of every service. An app picks the ones that it reads. */
export const catalogue = {
  WHATSAPP_SEND_QUEUE_ENABLED: variable(
    flag,
    'true, false',
    'true',
    'false: ingress sends directly to Twilio, without the queue',
  ),
  WHATSAPP_SEND_QUEUE_NAME: variable(
    z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, 'must be a Kafka topic name'),
    'topic',
    'whatsapp-send',
    'name of the send topic; the other topics derive from it',
  ),
  KAFKA_BROKERS: variable(brokers, 'host:port, comma-separated', undefined, 'Kafka bootstrap addresses'),
  KAFKA_TLS: variable(flag, 'true, false', 'false', 'speak TLS to Kafka'),
  KAFKA_TLS_CA: variable(
    pemFile,
    'path, PEM',
    '',
    "certificates that sign the brokers' own, instead of those that Node trusts; of effect with KAFKA_TLS",
  ),
  KAFKA_TLS_CERT: variable(
    pemFile,
    'path, PEM',
    '',
    'certificate to show to brokers that ask for one; with KAFKA_TLS_KEY',
  ),
  KAFKA_TLS_KEY: variable(pemFile, 'path, PEM', '', 'its private key'),
  KAFKA_SASL_MECHANISM: variable(
    z.enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512'], {
      error: 'must be none, plain, scram-sha-256 or scram-sha-512',
    }),
    'mechanism',
    'none',
    'SASL mechanism of Kafka',
  ),
  KAFKA_SASL_USERNAME: variable(z.string(), 'text', '', 'SASL user'),
  KAFKA_SASL_PASSWORD: variable(z.string(), 'text', '', 'SASL password', { secret: true }),
  REDIS_URL: variable(
    address(['redis:', 'rediss:']),
    'URL',
    'redis://localhost:6379',
    'Redis: rates, the template cache, locks',
    { secret: true },
  ),
  REDIS_TLS_CA: variable(
    pemFile,
    'path, PEM',
    '',
    "certificates that sign Redis' own, instead of those that Node trusts; of effect with rediss:",
  ),
  DATABASE_URL: variable(
    address(['postgres:', 'postgresql:']),
    'URL',
    undefined,
    'Postgres: the ledger; over TLS with `?sslmode=verify-full`, and `&sslrootcert=<path>` for a CA of your own',
    { secret: true },
  ),
  DATABASE_POOL: variable(whole(2, 200), 'connections', '10', 'most connections to Postgres of one process'),
  QUEUE_RETRY_ATTEMPTS: variable(whole(0, 20), 'attempts', '3', 'retries after the first attempt'),
  QUEUE_BACKOFF_DELAY: variable(
    whole(1, 3_600_000),
    'ms',
    '2000',
    'delay before the first retry; doubles with each',
  ),
  PORT: variable(whole(0, 65_535), 'port', '3000', 'where ingress listens'),
  HOST: variable(z.string().min(1), 'address', '127.0.0.1', 'the address that ingress listens on'),
  CACHE_ALERT_WEBHOOK_URL: variable(
    optional(address(['http:', 'https:'])),
    'URL',
    '',
    'where alerts of the template cache are posted as {"text": …}, which Slack understands',
    { secret: true },
  ),
  CACHE_ALERT_LEAST_REQUESTS: variable(
    whole(2, 1_000_000),
    'requests',
    '20',
    'fewer requests in five minutes open no alert of the template cache',
  ),
  CACHE_HISTORY_DAYS: variable(
    whole(8, 3_650),
    'days',
    '30',
    'how long the counts of the template cache are kept by minute',
  ),
  PROBE_PORT: variable(
    whole(0, 65_535),
    'port',
    '0',
    'listener of /health/live, /health/ready and /metrics; 0: any free one',
  ),
  PROBE_HOST: variable(
    z.string().min(1),
    'address',
    '127.0.0.1',
    'the address that the probe listener binds',
  ),
  PUBLIC_URL: variable(
    address(['http:', 'https:']),
    'URL',
    'http://localhost:3000',
    "ingress as Twilio sees it: base of the status callbacks' URL",
  ),
  TRUSTED_PROXIES: variable(
    networks as z.ZodType<string[], string | undefined>,
    'addresses or CIDRs, comma-separated',
    '',
    'load balancers before ingress: only from these is X-Forwarded-For believed, and tells the caller’s address',
  ),
  TENANT_CONCURRENCY: variable(
    whole(1, 1_000),
    'messages',
    '5',
    'most requests of one restaurant under way at the provider, unless set for the restaurant',
  ),
  GLOBAL_RATE_PER_SECOND: variable(
    limit,
    'messages/s, or unlimited',
    '80',
    'most message requests at the provider in any 1,000 ms, over all instances',
  ),
  TENANT_RATE_PER_SECOND: variable(
    keyedLimit,
    'messages/s, or unlimited',
    'unlimited',
    'the same for one restaurant',
  ),
  SENDER_RATE_PER_SECOND: variable(
    keyedLimit,
    'messages/s, or unlimited',
    '80',
    'the same for one sender number, as the provider has it; of effect only below GLOBAL_RATE_PER_SECOND',
  ),
  INGRESS_RATE_PER_TENANT: variable(
    limit,
    'sends/s, or unlimited',
    'unlimited',
    'most sends that ingress takes from one restaurant, over all instances by REDIS_URL; a second’s worth at once',
  ),
  PRODUCE_DEADLINE_MS: variable(
    whole(100, 60_000),
    'ms',
    '5000',
    'a POST answers within it, by 503 when Kafka does not',
  ),
  TOPIC_PARTITIONS: variable(
    whole(1, 10_000),
    'partitions',
    '48',
    'partitions of every topic at their creation',
  ),
  TOPIC_REPLICATION: variable(
    whole(1, 9),
    'replicas',
    '3',
    'replication factor of every topic at its creation',
  ),
  TWILIO_API_BASE_URL: variable(
    optional(address(['http:', 'https:'])),
    'URL',
    '',
    'another address than api.twilio.com, e.g. the simulator',
  ),
  TWILIO_TIMEOUT_MS: variable(whole(100, 120_000), 'ms', '10000', 'longest wait for an answer of Twilio'),
  TWILIO_CONNECT_TIMEOUT_MS: variable(
    whole(100, 10_000),
    'ms',
    '800',
    'longest set-up of a connection to Twilio, TLS included; above 800 requests may be written so late that more than the rate go out in a second',
  ),
  TWILIO_MAX_SOCKETS: variable(
    whole(1, 10_000),
    'sockets',
    '100',
    'most connections to Twilio, and so most requests under way, of one process',
  ),
  RECONCILE_GRACE_MS: variable(
    whole(0, 3_600_000),
    'ms',
    '5000',
    "how long an unknown attempt waits for a callback before Twilio's list is asked (60 s more where its sender died)",
  ),
  RECONCILE_PAUSE_MS: variable(
    whole(0, 600_000),
    'ms',
    '5000',
    'between the two lists that must agree that a message was not accepted',
  ),
  CREDENTIALS_KEY: variable(
    base64Key,
    'base64, or id:base64',
    undefined,
    "32 bytes that encrypt the restaurants' Twilio credentials in the database",
    { secret: true },
  ),
  CREDENTIALS_KEYS_OLD: variable(
    z.string(),
    'id:base64, comma-separated',
    '',
    'earlier keys, still able to decrypt',
    { secret: true },
  ),
  ID_KEYS: variable(
    z
      .string()
      .regex(
        /^[0-9a-z]:[0-9A-Za-z+/=]+(,[0-9a-z]:[0-9A-Za-z+/=]+)*$/,
        'must be <version>:<base64 of 32 bytes>[,…]',
      ),
    'version:base64, comma-separated',
    undefined,
    'keys that make message ids verifiable; the last one signs',
    { secret: true },
  ),
  ADMIN_TOKEN_HASH: variable(
    optional(z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex')),
    'SHA-256, hex',
    '',
    'hash of the first admin token',
    { secret: true },
  ),
  METRICS_AUTH: variable(
    z.enum(['token', 'none'], { error: 'must be token or none' }),
    'token, none',
    'token',
    'whether /api/queue/metrics and /api/cache/metrics need a key',
  ),
  CONSOLE_DIR: variable(
    optional(z.string()),
    'directory',
    '',
    'built files of the console, served by ingress at /console',
  ),
  CONSOLE_TRACE_URL: variable(
    optional(z.string().regex(/^https?:\/\/.*\{traceId\}/, 'must be an http address with {traceId} in it')),
    'URL with {traceId}',
    '',
    'where the console shows a trace, e.g. http://127.0.0.1:16686/trace/{traceId}',
  ),
  LOG_LEVEL: variable(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be a level of pino',
    }),
    'level',
    'info',
    'least severe line that is logged',
  ),
  INSTANCE: variable(
    z.string().regex(/^[A-Za-z0-9._-]{1,100}$/),
    'name',
    'local',
    'name of this process among its like',
  ),
} as const;

export type VariableName = keyof typeof catalogue;
export type ValueOf<N extends VariableName> = (typeof catalogue)[N] extends Variable<infer T> ? T : never;
