import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { identify, processTree, signalProcess } from './process-table.mjs';

/**
 * A pid file says which process an earlier run left behind. It is believed only while the process of that number is the
 * very one that was written down (see `identify`): numbers are reused, and killing a stranger is worse than a leftover.
 *
 * @typedef {{ pid: number, identity: string }} PidRecord
 */

/**
 * @param {string} path
 * @param {number} pid a living process
 * @returns {boolean} false when it had ended already
 */
export function writePidFile(path, pid) {
  const identity = identify(pid);
  if (identity === undefined) return false;
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.tmp`;
  writeFileSync(part, `${JSON.stringify({ pid, identity })}\n`, { mode: 0o600 });
  renameSync(part, path);
  return true;
}

/** @param {string} path */
export function removePidFile(path) {
  rmSync(path, { force: true });
}

/**
 * The pid in the file, if that very process still runs; undefined otherwise (no file, an unreadable one, another process).
 * @param {string} path
 * @returns {number | undefined}
 */
export function livingPid(path) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
  const record = parseRecord(text);
  return record !== undefined && identify(record.pid) === record.identity ? record.pid : undefined;
}

/**
 * @param {string} text
 * @returns {PidRecord | undefined}
 */
function parseRecord(text) {
  try {
    const value = JSON.parse(text);
    return Number.isInteger(value?.pid) && value.pid > 1 && typeof value.identity === 'string'
      ? value
      : undefined;
  } catch (error) {
    // A run that died while writing leaves half a file: it names nobody.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Ends what an earlier run left behind, politely first, and removes the file.
 * @param {string} path
 * @param {{ signal?: NodeJS.Signals, graceMs?: number }} [options]
 * @returns {Promise<number | undefined>} the pid that was ended
 */
export async function endLeftover(path, { signal = 'SIGTERM', graceMs = 10_000 } = {}) {
  const pid = livingPid(path);
  if (pid === undefined) {
    removePidFile(path);
    return undefined;
  }
  const tree = processTree(pid).map((member) => ({ member, identity: identify(member) }));
  const living = () =>
    tree.filter(({ member, identity }) => identity !== undefined && identify(member) === identity);
  // A leftover may have been frozen; a stopped process does not act on SIGTERM.
  for (const { member } of living()) signalProcess(member, 'SIGCONT');
  signalProcess(pid, signal);
  const deadline = performance.now() + graceMs;
  while (living().length > 0 && performance.now() < deadline) await sleep(50);
  for (const { member } of living()) signalProcess(member, 'SIGKILL');
  while (living().length > 0 && performance.now() < deadline + 10_000) await sleep(20);
  removePidFile(path);
  return pid;
}
