import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { takeLock } from './engines/file-lock.mjs';
import { endLeftover, livingPid, removePidFile } from './engines/pid-file.mjs';

/** Another `npm start` of this checkout runs. */
export class AlreadyRunning extends Error {
  /** @override */
  name = 'AlreadyRunning';
  /** @param {number} pid */
  constructor(pid) {
    super(`npm start runs already in this checkout (pid ${pid}). Stop it first: kill ${pid}`);
    this.pid = pid;
  }
}

/**
 * @param {string} path .local/run.json
 * @throws {AlreadyRunning}
 */
export function takeRunLock(path) {
  while (!takeLock(path)) {
    const pid = livingPid(path);
    if (pid !== undefined) throw new AlreadyRunning(pid);
    removePidFile(path);
  }
}

/** @param {string} path */
export function releaseRunLock(path) {
  removePidFile(path);
}

/**
 * Ends the services that a crashed run left behind. (Each engine's launcher looks for its own leftover.)
 * @param {string} folder of pid files
 * @returns {Promise<string[]>} the names of those that were ended
 */
export async function endLeftovers(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).flatMap((file) => (file.endsWith('.pid') ? [file.slice(0, -4)] : []));
  const ended = await Promise.all(
    names.map(async (name) => ((await endLeftover(join(folder, `${name}.pid`))) === undefined ? [] : [name])),
  );
  return ended.flat();
}
