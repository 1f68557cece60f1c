import { linkSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { livingPid, removePidFile, writePidFile } from './pid-file.mjs';

/**
 * Runs `work` while no other process runs it under the same lock. The lock is a pid file, so one whose owner died is
 * taken over.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {{ timeoutMs?: number, onWait?: (pid: number) => void }} [options]
 * @returns {Promise<T>}
 */
export async function withFileLock(path, work, { timeoutMs = 900_000, onWait } = {}) {
  const deadline = performance.now() + timeoutMs;
  let told = false;
  while (!takeLock(path)) {
    const owner = livingPid(path);
    if (owner === undefined) {
      // Its owner died. Two that see this at once both remove it, and link() lets one of them in.
      rmSync(path, { force: true });
      continue;
    }
    if (!told) onWait?.(owner);
    told = true;
    if (performance.now() > deadline) throw new Error(`process ${owner} holds ${path} for too long`);
    await sleep(200);
  }
  try {
    return await work();
  } finally {
    removePidFile(path);
  }
}

/**
 * Takes the lock if nobody has it. link() is atomic and fails if the name exists, and the file is complete before it gets
 * that name.
 * @param {string} path
 * @returns {boolean}
 */
export function takeLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}`;
  writePidFile(own, process.pid);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}
