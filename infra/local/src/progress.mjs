const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const PLAIN_INTERVAL_MS = 5_000;

/**
 * Shows steps while they are under way: on a terminal one line that is redrawn, else a line at the start, one every five
 * seconds, one at the end.
 */
export class Progress {
  /** @type {Map<string, { detail: string, since: number, told: number }>} */
  #active = new Map();
  #frame = 0;
  #drawn = false;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /** @param {NodeJS.WriteStream} [out] */
  constructor(out = process.stdout) {
    this.out = out;
  }

  /**
   * @template T
   * @param {string} name
   * @param {(tell: (detail: string) => void) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async step(name, work) {
    const since = performance.now();
    const state = { detail: '', since, told: since };
    this.#active.set(name, state);
    if (!this.out.isTTY) this.line(`… ${name}`);
    this.#timer ??= setInterval(() => this.#tick(), this.out.isTTY ? 100 : 1_000);
    try {
      const result = await work((detail) => {
        state.detail = detail;
      });
      this.#end(name, '✓', since);
      return result;
    } catch (error) {
      this.#end(name, '✗', since);
      throw error;
    }
  }

  /** A line of its own, above what is redrawn.
   * @param {string} text */
  line(text) {
    this.#erase();
    this.out.write(`${text}\n`);
  }

  /** @param {string} name @param {string} mark @param {number} since */
  #end(name, mark, since) {
    this.#active.delete(name);
    this.line(`${mark} ${name} (${((performance.now() - since) / 1_000).toFixed(1)} s)`);
    if (this.#active.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick() {
    const now = performance.now();
    if (this.out.isTTY) {
      this.#frame = (this.#frame + 1) % FRAMES.length;
      const parts = [...this.#active].map(([name, { detail, since }]) => {
        const seconds = Math.floor((now - since) / 1_000);
        return `${name} ${seconds} s${detail && ` (${detail})`}`;
      });
      const text = `${FRAMES[this.#frame]} ${parts.join(' · ')}`;
      this.#erase();
      this.out.write(text.slice(0, Math.max(20, (this.out.columns ?? 80) - 1)));
      this.#drawn = true;
      return;
    }
    for (const [name, state] of this.#active) {
      if (now - state.told < PLAIN_INTERVAL_MS) continue;
      state.told = now;
      this.line(
        `… ${name}, ${Math.round((now - state.since) / 1_000)} s${state.detail && `: ${state.detail}`}`,
      );
    }
  }

  #erase() {
    if (this.#drawn) this.out.write('\r\u001B[2K');
    this.#drawn = false;
  }
}
