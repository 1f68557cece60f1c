import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * The running processes, read from /proc, else from ps. A pid alone names nothing for long: it is reused. A pid with its
 * start time (and the boot it was counted in) names one process for ever; `identify` gives that.
 */

/** @param {string} path */
function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}

/** The fields of /proc/<pid>/stat from the third on: the command before may hold spaces and brackets.
 * @param {number} pid */
function statFields(pid) {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/**
 * @param {string[]} args
 * @returns {string | undefined}
 */
function ps(args) {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch (error) {
    if (/** @type {{ status?: number | null }} */ (error).status === 1) return undefined;
    throw error;
  }
}

const onLinux = process.platform === 'linux';

/**
 * What makes this process itself and no later one of the same number; undefined when it does not run (a zombie does not).
 * @param {number} pid
 * @returns {string | undefined}
 */
export function identify(pid) {
  if (!onLinux) return ps(['-o', 'lstart=', '-p', String(pid)]) || undefined;
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const boot = readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return `${boot}:${fields[19]}`;
}

/** @returns {Map<number, number[]>} children of every process */
function childrenByParent() {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  /** @param {number} pid @param {number} parent */
  const add = (pid, parent) => {
    const list = children.get(parent);
    if (list) list.push(pid);
    else children.set(parent, [pid]);
  };
  if (onLinux) {
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const fields = statFields(Number(entry));
      if (fields) add(Number(entry), Number(fields[1]));
    }
  } else {
    for (const line of (ps(['-A', '-o', 'pid=,ppid=']) ?? '').split('\n')) {
      const [pid, parent] = line.trim().split(/\s+/).map(Number);
      if (pid && parent) add(pid, parent);
    }
  }
  return children;
}

/**
 * The process and all that descend from it, parents first. (Postgres' backends leave their postmaster's process group, so
 * a signal to the group misses them.)
 * @param {number} pid
 * @returns {number[]}
 */
export function processTree(pid) {
  const children = childrenByParent();
  const tree = [pid];
  for (const member of tree) tree.push(...(children.get(member) ?? []));
  return tree;
}

/**
 * Sends a signal; a process that is gone is no fault.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @returns {boolean} whether it was there
 */
export function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') return false;
    throw error;
  }
}

/** @param {number} pid @param {NodeJS.Signals} signal */
export function signalTree(pid, signal) {
  for (const member of processTree(pid)) signalProcess(member, signal);
}
