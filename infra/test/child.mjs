import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const HEARTBEAT_MS = 10_000;
const KEPT_CHARACTERS = 60_000;
/** Than this process, in steps of Unix niceness, is one that yields. */
const NICER = 9;

/**
 * @typedef {object} Ended
 * @property {number | null} code null: ended by a signal, or not started
 * @property {string} output the last of it; empty where it was shown at once
 * @property {string | undefined} trouble why there is no exit code
 */

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** Passes a signal on to every child's process group. @param {NodeJS.Signals} signal */
export function signalChildren(signal) {
  for (const child of running) signalGroup(child, signal);
}

/**
 * Runs a command to its end, in a process group of its own: past its time limit the whole group is ended.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {object} options
 * @param {string} options.cwd
 * @param {number} options.limitMs
 * @param {boolean} [options.shown] its output goes to ours as it comes
 * @param {boolean} [options.yields] it gives way to whatever else wants the processor
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {(elapsedMs: number) => void} [options.onHeartbeat] every ten seconds
 * @returns {Promise<Ended>} never rejects
 */
export function runToEnd(
  command,
  args,
  { cwd, limitMs, shown = false, yields = false, env = process.env, onHeartbeat },
) {
  return new Promise((resolve) => {
    const since = performance.now();
    const child = spawn(command, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', shown ? 'inherit' : 'pipe', shown ? 'inherit' : 'pipe'],
    });
    running.add(child);
    if (yields && child.pid !== undefined) makeNicer(child.pid);
    let output = '';
    let trouble = /** @type {string | undefined} */ (undefined);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        output = (output + text).slice(-KEPT_CHARACTERS);
      });
    const heartbeat = setInterval(() => onHeartbeat?.(performance.now() - since), HEARTBEAT_MS);
    const limit = setTimeout(() => {
      trouble = `not done within ${Math.round(limitMs / 1_000)} s`;
      signalGroup(child, 'SIGTERM');
      setTimeout(() => signalGroup(child, 'SIGKILL'), 10_000).unref();
    }, limitMs);
    const end = (/** @type {number | null} */ code) => {
      clearInterval(heartbeat);
      clearTimeout(limit);
      running.delete(child);
      resolve({ code: trouble === undefined ? code : null, output, trouble });
    };
    child.once('error', (error) => {
      trouble ??= error.message;
      end(null);
    });
    child.once('close', (code, signal) => {
      if (signal !== null) trouble ??= `ended by ${signal}`;
      end(code);
    });
  });
}

/** @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} signal */
function signalGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // Gone already.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

/** @param {number} pid of a session's leader */
function makeNicer(pid) {
  const niceness = Math.min(getPriority() + NICER, 19);
  setPriority(pid, niceness);
  // Where Linux schedules by session, a process' own niceness counts within its session only.
  const group = `/proc/${pid}/autogroup`;
  if (existsSync(group)) writeFileSync(group, String(niceness));
}
