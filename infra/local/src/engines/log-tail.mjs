import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

/**
 * The last lines of a log file, for messages that tell why something did not start.
 * @param {string} path
 * @param {{ bytes?: number, lines?: number }} [limits]
 * @returns {string}
 */
export function logTail(path, { bytes = 8_192, lines = 12 } = {}) {
  let file;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return '';
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    const length = Math.min(bytes, size);
    const buffer = Buffer.alloc(length);
    readSync(file, buffer, 0, length, size - length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}

/**
 * Opens a log for appending; one that has outgrown the limit becomes `<path>.1` first, so that two limits bound it.
 * @param {string} path
 * @param {number} [limitBytes]
 * @returns {number} a file descriptor
 */
export function openLog(path, limitBytes = 16 * 1024 * 1024) {
  try {
    if (statSync(path).size > limitBytes) renameSync(path, `${path}.1`);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
  return openSync(path, 'a', 0o600);
}
