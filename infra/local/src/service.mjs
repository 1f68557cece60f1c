import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { endLeftover, removePidFile, writePidFile } from './engines/pid-file.mjs';
import { signalProcess, signalTree } from './engines/process-table.mjs';

/**
 * A service's process, brought up again whenever it dies:
 *
 *     idle ──start()──► starting ──/health/ready──► ready
 *                        ▲    │ dies                  │ dies
 *                        │    └──────► waiting ◄──────┘
 *                        └──backoff ends──┘                 stop() from any state ──► stopped
 *
 * The backoff doubles from 250 ms to 10 s and is forgotten after 30 s of life.
 *
 * @typedef {object} ServiceSpec
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 * @property {string} cwd
 * @property {NodeJS.ProcessEnv} env
 * @property {number} probePort
 * @property {string} pidDir
 */

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
const HEALTHY_MS = 30_000;

export class Service {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #stopping = new AbortController();
  #deaths = 0;
  /** @type {Promise<void>} */
  #loop = Promise.resolve();

  /**
   * @param {ServiceSpec} spec
   * @param {{ follow: (stream: import('node:stream').Readable) => void, onDeath: (how: string, backoffMs: number) => void,
   *   onStart: () => void }} listeners
   */
  constructor(spec, listeners) {
    this.spec = spec;
    this.listeners = listeners;
    this.pidFile = join(spec.pidDir, `${spec.name}.pid`);
  }

  get name() {
    return this.spec.name;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** How often it died without having been told to. */
  get deaths() {
    return this.#deaths;
  }

  get url() {
    return `http://127.0.0.1:${this.spec.probePort}`;
  }

  start() {
    this.#loop = this.#keepUp();
  }

  async #keepUp() {
    let backoff = FIRST_BACKOFF_MS;
    while (!this.#stopping.signal.aborted) {
      const since = performance.now();
      const how = await this.#live();
      if (this.#stopping.signal.aborted) return;
      this.#deaths += 1;
      if (performance.now() - since > HEALTHY_MS) backoff = FIRST_BACKOFF_MS;
      this.listeners.onDeath(how, backoff);
      await sleep(backoff, undefined, { signal: this.#stopping.signal }).catch(() => {});
      backoff = Math.min(backoff * 2, LONGEST_BACKOFF_MS);
    }
  }

  /** One life. @returns {Promise<string>} how it ended */
  #live() {
    const { command, args, cwd, env } = this.spec;
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    if (child.pid !== undefined) writePidFile(this.pidFile, child.pid);
    this.listeners.follow(child.stdout);
    this.listeners.follow(child.stderr);
    this.listeners.onStart();
    return new Promise((resolve) => {
      /** @param {string} how */
      const over = (how) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        removePidFile(this.pidFile);
        resolve(how);
      };
      child.once('error', (error) => over(error.message));
      child.once('exit', (code, signal) => over(signal ?? `exit code ${code}`));
    });
  }

  /** @returns {Promise<boolean>} */
  async isReady() {
    if (this.pid === undefined) return false;
    try {
      const response = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      return response.ok;
    } catch (error) {
      // Not listening yet, or too busy to answer: not ready is all that there is to know.
      if (error instanceof TypeError || /** @type {Error} */ (error).name === 'TimeoutError') return false;
      throw error;
    }
  }

  /**
   * @param {{ timeoutMs: number, patience: number }} limits `patience`: deaths before it is given up
   * @throws {Error} when it does not get ready
   */
  async untilReady({ timeoutMs, patience }) {
    const deadline = performance.now() + timeoutMs;
    while (!(await this.isReady())) {
      if (this.#stopping.signal.aborted) throw new Error(`${this.name} was stopped`);
      if (this.#deaths >= patience)
        throw new Error(`${this.name} died ${this.#deaths} times before it was ready`);
      if (performance.now() > deadline)
        throw new Error(`${this.name} was not ready after ${Math.round(timeoutMs / 1000)} s`);
      await sleep(150);
    }
  }

  /** Asks it to end (SIGTERM), and kills it when it takes too long.
   * @param {number} graceMs @returns {Promise<boolean>} whether it ended by itself */
  async stop(graceMs) {
    this.#stopping.abort();
    const { pid } = this;
    if (pid !== undefined) {
      signalProcess(pid, 'SIGCONT');
      signalProcess(pid, 'SIGTERM');
    }
    const abort = new AbortController();
    const late = sleep(graceMs, 'late', { signal: abort.signal }).catch(() => 'aborted');
    const first = await Promise.race([this.#loop.then(() => 'ended'), late]);
    abort.abort();
    if (first === 'ended') return true;
    this.kill();
    await this.#loop;
    return false;
  }

  /** Ends it now, without a chance to drain. */
  kill() {
    this.#stopping.abort();
    if (this.pid !== undefined) signalTree(this.pid, 'SIGKILL');
  }

  /** Ends what an earlier run left behind. */
  endLeftover() {
    return endLeftover(this.pidFile);
  }
}
