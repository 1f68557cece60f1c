import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CliError } from './report.js';
import { EXIT } from './exit-codes.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A service of a running `npm start`. `url` is its probe listener. */
export interface RunningService {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
}

/** Where the settings came from, besides the environment. */
export interface LocalStack {
  /** Folder that holds `.local`. */
  readonly root: string;
  readonly services: readonly RunningService[];
}

export interface Settings {
  readonly env: Environment;
  readonly stack: LocalStack | undefined;
}

/**
 * The environment, and for what it does not say the stack that `npm start` runs: `.local/stack.json` of this folder or
 * the nearest one above it. Secrets and sizes of that stack are taken only together with its database or its brokers:
 * they are of no use, or of harm, anywhere else.
 */
export function readSettings(env: Environment, cwd: string): Settings {
  const given = (name: string): boolean => (env[name] ?? '') !== '';
  const root = findUpward(cwd, join('.local', 'stack.json'));
  if (root === undefined) return { env, stack: undefined };
  const stack = readObject(join(root, '.local', 'stack.json'));
  const secretsPath = join(root, '.local', 'secrets.json');
  const secrets = existsSync(secretsPath) ? readObject(secretsPath) : {};

  const found: Record<string, string | undefined> = {
    MERSAL_URL: textOf(stack['ingress']),
    REDIS_URL: textOf(stack['redis']),
    TWILIO_API_BASE_URL: textOf(stack['twilio']),
  };
  if (!given('MERSAL_URL')) found['MERSAL_ADMIN_TOKEN'] = textOf(stack['adminToken']);
  if (!given('KAFKA_BROKERS')) {
    found['KAFKA_BROKERS'] = Array.isArray(stack['kafka']) ? stack['kafka'].join(',') : undefined;
    found['TOPIC_PARTITIONS'] = '12';
    found['TOPIC_REPLICATION'] = '1';
  }
  if (!given('DATABASE_URL')) {
    found['DATABASE_URL'] = textOf(stack['database']);
    found['CREDENTIALS_KEY'] = textOf(secrets['credentialsKey']);
    found['ID_KEYS'] = textOf(secrets['idKeys']);
  }
  const merged = Object.fromEntries(
    Object.keys({ ...found, ...env }).map((name) => [name, given(name) ? env[name] : found[name]]),
  );
  return { env: merged, stack: { root, services: servicesOf(stack['services']) } };
}

function findUpward(from: string, path: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, path))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function readObject(path: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CliError('stack_unreadable', `${path} cannot be read: ${(error as Error).message}`, EXIT.usage);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new CliError('stack_unreadable', `${path} is not a JSON object`, EXIT.usage);
  return parsed as Record<string, unknown>;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function servicesOf(value: unknown): RunningService[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (one: unknown): one is RunningService =>
      typeof one === 'object' &&
      one !== null &&
      'name' in one &&
      typeof one.name === 'string' &&
      'pid' in one &&
      typeof one.pid === 'number' &&
      'url' in one &&
      typeof one.url === 'string',
  );
}
