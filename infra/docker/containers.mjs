import { setTimeout as sleep } from 'node:timers/promises';
import { choosePort } from '@mersal/local';
import { ask } from './engine.mjs';

const READY_MS = 90_000;
const STOP_SECONDS = 40;
const HARDENED = [
  '--read-only',
  '--tmpfs=/tmp',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  // Its own check of health is run by hand: engines differ in whether they run it by themselves.
  '--no-healthcheck',
  '--pull=never',
  '--network=host',
  `--volume=${import.meta.dirname}:/demo:ro`,
];

/** Containers of our images on this machine's own network, as little privileged as they can be. */
export class Containers {
  /** @type {{ name: string, app: string }[]} */
  #running = [];
  #prefix = `mersal-smoke-${process.pid}`;

  /** @param {{ engine: string, repository: string, options: readonly string[] }} options `options`: more of `run` */
  constructor({ engine, repository, options }) {
    this.engine = engine;
    this.repository = repository;
    this.options = options;
  }

  /** @param {string} app @param {Record<string, string>} env @param {readonly string[]} command */
  async runToEnd(app, env, command) {
    const name = `${this.#prefix}-${app}`;
    const args = ['run', '--rm', '--name', name, ...this.#options(env), this.#image(app), ...command];
    await ask(this.engine, args, env);
  }

  /** Starts it, and waits until the image's own check finds it healthy.
   * @param {string} app @param {Record<string, string>} env @param {readonly string[]} [command] */
  async start(app, env, command = []) {
    const name = `${this.#prefix}-${app}`;
    const all = { ...env, PROBE_PORT: String(await choosePort()) };
    this.#running.push({ name, app });
    const options = ['--detach', '--name', name, ...this.#options(all)];
    await ask(this.engine, ['run', ...options, this.#image(app), ...command], all);
    await this.#healthy(name, await this.#check(app));
  }

  /** Stops all, callers first. @returns {Promise<{ app: string, 'exit code': number, 'ms to stop': number }[]>} */
  async stopAll() {
    const rows = [];
    for (const { name, app } of this.#running.toReversed()) {
      const since = performance.now();
      await ask(this.engine, ['stop', '--time', String(STOP_SECONDS), name]);
      const code = Number(await ask(this.engine, ['inspect', '--format', '{{.State.ExitCode}}', name]));
      rows.push({
        app,
        'exit code': code,
        'ms to stop': Math.round(performance.now() - since),
      });
      if (code !== 0) throw new Error(`${app} ended with ${code}:\n${await this.#lastLines(name)}`);
    }
    return rows;
  }

  async removeAll() {
    await Promise.allSettled(this.#running.map(({ name }) => ask(this.engine, ['rm', '--force', name])));
  }

  /** Values of variables are taken from the engine's own environment: in its arguments every process could read them.
   * @param {Record<string, string>} env */
  #options(env) {
    return [...HARDENED, ...this.options, ...Object.keys(env).map((name) => `--env=${name}`)];
  }

  /** @param {string} app */
  #image(app) {
    return `${this.repository}/${app}`;
  }

  /** The command of the image's HEALTHCHECK. @param {string} app @returns {Promise<string[]>} */
  async #check(app) {
    const [image] = JSON.parse(await ask(this.engine, ['image', 'inspect', this.#image(app)]));
    const { Test: [how, ...command] = [] } =
      image.Config?.Healthcheck ?? image.HealthCheck ?? image.Healthcheck ?? {};
    if (how !== 'CMD') throw new Error(`the image of ${app} has no check of its health`);
    return command;
  }

  /** @param {string} name @param {readonly string[]} check */
  async #healthy(name, check) {
    const until = performance.now() + READY_MS;
    for (;;) {
      const trouble = await ask(this.engine, ['exec', name, ...check]).then(
        () => undefined,
        (error) => error,
      );
      if (trouble === undefined) return;
      const state = await ask(this.engine, ['inspect', '--format', '{{.State.Status}}', name]);
      if (state !== 'running' || performance.now() > until)
        throw new Error(`${name} is not healthy but ${state}:\n${await this.#lastLines(name)}`, {
          cause: trouble,
        });
      await sleep(500);
    }
  }

  /** @param {string} name */
  async #lastLines(name) {
    return ask(this.engine, ['logs', '--tail', '20', name], {}, { withErrors: true });
  }
}
