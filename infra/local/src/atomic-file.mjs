import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Replaces a file in one step, readable by its owner alone: a reader sees the old content or the new, never half.
 * @param {string} path
 * @param {unknown} value written as JSON
 */
export function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  writeFileSync(part, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(part, path);
}

/**
 * @param {string} path
 * @returns {any} undefined when there is no such file
 */
export function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw new Error(`${path} can't be read: ${/** @type {Error} */ (error).message}`, { cause: error });
  }
}
