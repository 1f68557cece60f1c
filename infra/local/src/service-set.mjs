import { Service } from './service.mjs';

/**
 * @typedef {import('./service.mjs').ServiceSpec} ServiceSpec
 */

/** The services of a stack: started one after the other, stopped in the reverse order. */
export class ServiceSet {
  /** @type {Service[]} */
  #services = [];
  #complete = false;

  /**
   * @param {object} options
   * @param {import('./app-log.mjs').AppLog} options.log
   * @param {(note: string) => void} options.onNote
   * @param {() => void} options.onChange a service has another pid
   */
  constructor({ log, onNote, onChange }) {
    this.log = log;
    this.onNote = onNote;
    this.onChange = onChange;
  }

  /** @returns {{ name: string, pid: number, url: string }[]} */
  list() {
    return this.#services.flatMap(({ name, pid, url }) => (pid === undefined ? [] : [{ name, pid, url }]));
  }

  /**
   * Services of one step start side by side.
   * @param {ServiceSpec[]} specs
   */
  async start(specs) {
    const started = specs.map((spec) => {
      const service = new Service(spec, {
        follow: (stream) => this.log.follow(spec.name, stream),
        onDeath: (how, backoffMs) =>
          this.onNote(`${spec.name} died (${how}); started again in ${backoffMs} ms`),
        onStart: () => {
          if (this.#complete) this.onChange();
        },
      });
      this.#services.push(service);
      service.start();
      return service;
    });
    await Promise.all(started.map((service) => service.untilReady({ timeoutMs: 90_000, patience: 5 })));
  }

  /** From now on a restart is told. */
  complete() {
    this.#complete = true;
    this.onChange();
  }

  /** @param {number} graceMs for each */
  async stop(graceMs) {
    this.#complete = false;
    for (const service of this.#services.toReversed()) {
      const ended = await service.stop(graceMs);
      if (!ended) this.onNote(`${service.name} did not end within ${graceMs / 1_000} s and was killed`);
    }
  }

  kill() {
    for (const service of this.#services) service.kill();
  }
}
