import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { EngineProcess, handle, startOnFreePort } from './engine-process.mjs';
import { choosePort } from './free-port.mjs';
import { endLeftover } from './pid-file.mjs';
import {
  canReach,
  postgresBinaries,
  privateTemp,
  reachableBinaries,
  unprivilegedUser,
} from './postgres-binaries.mjs';

const run = promisify(execFile);
const USER = 'mersal';

/** @typedef {import('./postgres-binaries.mjs').User} User */

/** What production would have: nothing is acknowledged before it is on disk. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  jit: 'off',
};

/**
 * The directory above the cluster's data: `dir`, unless the user that runs Postgres can't get there.
 * @param {string} dir
 * @param {User | undefined} user
 * @param {(note: string) => void} say
 */
function dataParent(dir, user, say) {
  mkdirSync(dir, { recursive: true });
  if (user === undefined || canReach(dir, user)) return dir;
  const parent = join(privateTemp(), `data-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`);
  mkdirSync(parent, { recursive: true, mode: 0o711 });
  say(`the user that runs Postgres can't enter ${dir}: the data is in ${parent}`);
  return parent;
}

/**
 * Deletes the data of a Postgres that does not run, wherever it is.
 * @param {string} dir as given to `startPostgres`
 */
export async function forgetPostgres(dir) {
  await endLeftover(join(dir, 'postgres.pid'), { signal: 'SIGINT' });
  const user = unprivilegedUser();
  if (existsSync(dir))
    rmSync(
      dataParent(dir, user, () => {}),
      { recursive: true, force: true },
    );
  rmSync(dir, { recursive: true, force: true });
}

/** Made at the cluster's first start, kept beside it.
 * @param {string} path */
function keptPassword(path) {
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const password = randomBytes(24).toString('base64url');
  writeFileSync(path, `${password}\n`, { mode: 0o600 });
  return password;
}

/** @param {{ native: string, data: string, user: User | undefined, password: string }} options */
async function initialise({ native, data, user, password }) {
  // The last file that initdb's caller writes: without it a crash came between.
  const complete = join(data, 'complete');
  if (existsSync(complete)) return;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  chmodSync(data, 0o700);
  const passwordFile = `${data}.pw`;
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) {
    chownSync(data, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const args = [
    '-D',
    data,
    '-U',
    USER,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
  ];
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-sync');
  try {
    await run(join(native, 'bin', 'initdb'), args, {
      ...user,
      cwd: data,
      timeout: 120_000,
      env: environment(),
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  writeFileSync(complete, '');
  if (user) chownSync(complete, user.uid, user.gid);
}

/** Without the caller's PG* variables, which would point clients and server elsewhere. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
}

/**
 * Runs statements one by one in one connection.
 * @param {string} url
 * @param {string[]} statements
 */
async function execute(url, statements) {
  // Loaded late: this file must be readable before anything is installed.
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 3_000,
    query_timeout: 20_000,
  });
  // A connection that breaks also says so by this event; the query's own rejection is what counts.
  client.on('error', () => {});
  try {
    await client.connect();
    const rows = [];
    for (const statement of statements) rows.push((await client.query(statement)).rows);
    return rows;
  } finally {
    await client.end();
  }
}

/**
 * Postgres on loopback, data in `dir`.
 * @param {object} options
 * @param {string} options.dir
 * @param {number} [options.port] wanted; default 5432; a free one is chosen when it is taken
 * @param {string} [options.database] made if it is not there (default mersal)
 * @param {Record<string, string>} [options.settings] more of the server's settings
 * @param {(note: string) => void} [options.onProgress]
 * @throws {EngineError}
 */
export async function startPostgres({
  dir,
  port: wanted = 5432,
  database = 'mersal',
  settings = {},
  onProgress = () => {},
}) {
  if (!/^[a-z_][a-z0-9_]*$/.test(database)) throw new TypeError(`not a database name: ${database}`);
  const user = unprivilegedUser();
  const native = reachableBinaries(postgresBinaries(), user, onProgress);
  const parent = dataParent(dir, user, onProgress);
  const data = join(parent, 'data');
  const password = keptPassword(join(parent, 'password'));
  await initialise({ native, data, user, password });

  let port = wanted;
  /** @param {string} name */
  const url = (name) => `postgres://${USER}:${password}@127.0.0.1:${port}/${name}`;
  const engine = await startOnFreePort(async (except) => {
    port = await choosePort(wanted, { except });
    const options = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);
    const args = ['-D', data, '-h', '127.0.0.1', '-p', String(port), ...options];
    const process = new EngineProcess({
      name: 'postgres',
      dir,
      cwd: data,
      command: join(native, 'bin', 'postgres'),
      args,
      env: environment(),
      user,
      // SIGINT: fast shutdown, sessions are ended; SIGTERM would wait for them.
      stopSignal: 'SIGINT',
      probe: () => execute(url('postgres'), ['select 1']),
      portTaken: /Address already in use/,
    });
    return { process, ports: [port] };
  });
  try {
    const [found] = await execute(url('postgres'), [
      `select 1 from pg_database where datname = '${database}'`,
    ]);
    if (found?.length === 0) await execute(url('postgres'), [`create database ${database}`]);
  } catch (error) {
    await engine.kill();
    throw error;
  }
  return handle(engine, {
    port,
    url: url(database),
    /**
     * Another database of the same server.
     * @param {string} name
     */
    urlOf: (name) => url(name),
  });
}
