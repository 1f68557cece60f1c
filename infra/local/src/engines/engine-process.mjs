import { spawn } from 'node:child_process';
import { closeSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { EngineError } from './engine-error.mjs';
import { logTail, openLog } from './log-tail.mjs';
import { endLeftover, removePidFile, writePidFile } from './pid-file.mjs';
import { identify, processTree, signalProcess, signalTree } from './process-table.mjs';

/**
 * One engine's process. Its states, and what moves it between them:
 *
 *     stopped ──start()──► starting ──the probe answers──► running ◄──freeze()/thaw()──► frozen
 *        ▲                    │ dies, or the time is up      │ stop(), kill(), its own death   │
 *        └────────────────────┴──────────────────────────────┴─────────────────────────────────┘
 *
 * The child leads a process group of its own, so that a Ctrl-C in the terminal reaches only whoever started it, who then
 * stops things in order.
 *
 * @typedef {object} EngineSpec
 * @property {string} name
 * @property {string} dir holds `<name>.log` and `<name>.pid`
 * @property {string} command
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [cwd]
 * @property {{ uid: number, gid: number } | undefined} [user]
 * @property {NodeJS.Signals} [stopSignal]
 * @property {number} [stopTimeoutMs]
 * @property {number} [readyTimeoutMs]
 * @property {() => Promise<unknown>} probe rejects while the engine does not answer
 * @property {RegExp} portTaken finds in the log that the port was taken
 */

/** @type {Set<EngineProcess>} */
const living = new Set();
let guarded = false;

/** The last resort of a process that ends without having stopped its engines: they must not outlive it. */
function killAll() {
  for (const engine of living) if (engine.pid !== undefined) signalTree(engine.pid, 'SIGKILL');
}

export class EngineProcess {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  /** @type {Promise<void>} */
  #exited = Promise.resolve();
  #expected = false;
  /** @type {Set<(description: string) => void>} */
  #deathListeners = new Set();

  /** @param {EngineSpec} spec */
  constructor(spec) {
    this.spec = spec;
    this.logFile = join(spec.dir, `${spec.name}.log`);
    this.pidFile = join(spec.dir, `${spec.name}.pid`);
  }

  get pid() {
    return this.#child?.pid;
  }

  get running() {
    return this.#child !== undefined;
  }

  /**
   * Calls back when the process ends without having been told to.
   * @param {(description: string) => void} listener
   */
  onDeath(listener) {
    this.#deathListeners.add(listener);
  }

  /** Ends what an earlier run left, starts, and waits for the probe.
   * @returns {Promise<void>} */
  async start() {
    if (this.#child)
      throw new EngineError('already_running', `${this.spec.name} runs already (pid ${this.pid})`);
    mkdirSync(this.spec.dir, { recursive: true });
    await endLeftover(this.pidFile, { signal: this.spec.stopSignal ?? 'SIGTERM' });
    this.#spawn();
    try {
      await this.#untilReady();
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  #spawn() {
    const { spec } = this;
    const log = openLog(this.logFile);
    try {
      const child = spawn(spec.command, spec.args, {
        cwd: spec.cwd ?? spec.dir,
        env: spec.env ?? process.env,
        stdio: ['ignore', log, log],
        detached: true,
        ...spec.user,
      });
      this.#expected = false;
      this.#exited = new Promise((resolve) => {
        const over = (/** @type {string} */ description) => {
          if (this.#child !== child) return;
          this.#child = undefined;
          living.delete(this);
          removePidFile(this.pidFile);
          resolve();
          if (!this.#expected) for (const listener of this.#deathListeners) listener(description);
        };
        child.once('error', (error) => over(`${spec.name} could not be run: ${error.message}`));
        child.once('exit', (code, signal) =>
          over(`${spec.name} ended by itself (${signal ?? `exit code ${code}`})`),
        );
      });
      this.#child = child;
      if (!guarded) process.once('exit', killAll);
      guarded = true;
      living.add(this);
      if (child.pid !== undefined) writePidFile(this.pidFile, child.pid);
    } finally {
      closeSync(log);
    }
  }

  async #untilReady() {
    const { spec } = this;
    const limit = spec.readyTimeoutMs ?? 90_000;
    const deadline = performance.now() + limit;
    /** @type {unknown} */
    let last;
    // While it starts, its death is ours to report, not the listeners'.
    this.#expected = true;
    while (performance.now() < deadline) {
      if (!this.#child) {
        const tail = logTail(this.logFile);
        const code = spec.portTaken.test(tail) ? 'port_taken' : 'exited_early';
        throw new EngineError(
          code,
          `${spec.name} ended before it was ready. Its log (${this.logFile}) ends:\n${tail}`,
        );
      }
      try {
        await spec.probe();
        if (this.#child) {
          this.#expected = false;
          return;
        }
      } catch (error) {
        last = error;
        await sleep(100);
      }
    }
    throw new EngineError(
      'start_timeout',
      `${spec.name} did not answer within ${Math.round(limit / 1000)} s. Its log (${this.logFile}) ends:\n${logTail(this.logFile)}`,
      { cause: last },
    );
  }

  /** Stops in order; what does not end in its time is killed.
   * @returns {Promise<void>} */
  async stop() {
    const { pid } = this;
    if (pid === undefined) return this.#exited;
    this.#expected = true;
    signalTree(pid, 'SIGCONT');
    signalProcess(pid, this.spec.stopSignal ?? 'SIGTERM');
    const abort = new AbortController();
    const late = sleep(this.spec.stopTimeoutMs ?? 20_000, 'late', { signal: abort.signal }).catch(
      () => 'aborted',
    );
    const first = await Promise.race([this.#exited, late]);
    abort.abort();
    if (first === 'late') await this.kill();
  }

  /** Kills it and all its children at once, as a power cut of that engine would.
   * @returns {Promise<void>} */
  async kill() {
    const { pid } = this;
    if (pid === undefined) return this.#exited;
    this.#expected = true;
    const members = processTree(pid).map((member) => ({ member, identity: identify(member) }));
    for (const { member } of members) signalProcess(member, 'SIGKILL');
    await this.#exited;
    const remains = () =>
      members.some(({ member, identity }) => identity !== undefined && identify(member) === identity);
    const deadline = performance.now() + 10_000;
    while (remains() && performance.now() < deadline) await sleep(10);
  }

  /** Stops every process of the engine where it stands (SIGSTOP): sockets stay open, nothing answers. */
  freeze() {
    if (this.pid === undefined) throw new Error(`${this.spec.name} does not run`);
    signalTree(this.pid, 'SIGSTOP');
  }

  /** Lets a frozen engine go on. */
  thaw() {
    if (this.pid === undefined) throw new Error(`${this.spec.name} does not run`);
    signalTree(this.pid, 'SIGCONT');
  }

  /** Stops it if it runs, and starts it again on the same port and data.
   * @returns {Promise<void>} */
  async restart() {
    await this.stop();
    await this.start();
  }
}

/**
 * Starts an engine on the wanted port, else on a free one: between looking whether a port is free and taking it, somebody
 * else may take it.
 * @param {(ports: ReadonlySet<number>) => Promise<{ process: EngineProcess, ports: number[] }>} prepare gets the ports
 *   that were found to be taken
 * @returns {Promise<EngineProcess>}
 */
export async function startOnFreePort(prepare) {
  /** @type {Set<number>} */
  const taken = new Set();
  for (let attempt = 1; ; attempt += 1) {
    const { process: engine, ports } = await prepare(taken);
    try {
      await engine.start();
      return engine;
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'port_taken' || attempt === 4) throw error;
      for (const port of ports) taken.add(port);
    }
  }
}

/**
 * What every engine's handle can do, whatever the engine, and where that one answers.
 * @template T
 * @param {EngineProcess} engine
 * @param {T} address
 */
export function handle(engine, address) {
  return {
    ...address,
    name: engine.spec.name,
    dir: engine.spec.dir,
    logFile: engine.logFile,
    get pid() {
      return engine.pid;
    },
    get running() {
      return engine.running;
    },
    start: () => engine.start(),
    stop: () => engine.stop(),
    kill: () => engine.kill(),
    freeze: () => engine.freeze(),
    thaw: () => engine.thaw(),
    restart: () => engine.restart(),
    /** @param {(description: string) => void} listener */
    onDeath: (listener) => engine.onDeath(listener),
  };
}
