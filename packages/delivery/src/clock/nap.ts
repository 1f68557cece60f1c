import type { Clock } from './clock.js';

/** A sleep that can be ended from outside. One sleeper at a time; a wake without one is lost. */
export class Nap {
  readonly #clock: Clock;
  #end: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#end = () => {
        cancel();
        resolve();
      };
    });
  }

  readonly wake = (): void => this.#end();
}
