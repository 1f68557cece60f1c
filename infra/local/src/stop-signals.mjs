/** npm and the terminal may both deliver one Ctrl-C. */
const SAME_SIGNAL_MS = 500;

/**
 * Tells the first request to stop from the second: signals within 500 ms of the first are the first again, a later one
 * forces.
 */
export class StopSignals {
  /** @type {number | undefined} */
  #first;

  /**
   * @param {{ onStop: (signal: string) => void, onForce: () => void, now?: () => number }} options
   */
  constructor({ onStop, onForce, now = () => performance.now() }) {
    this.onStop = onStop;
    this.onForce = onForce;
    this.now = now;
  }

  /** @param {string} signal */
  take(signal) {
    const now = this.now();
    if (this.#first === undefined) {
      this.#first = now;
      this.onStop(signal);
    } else if (now - this.#first > SAME_SIGNAL_MS) this.onForce();
  }

  /** Listens to the process' signals. */
  listen() {
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
      process.on(signal, () => this.take(signal));
  }
}
