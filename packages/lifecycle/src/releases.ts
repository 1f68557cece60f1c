/** Something that was acquired and must be given back. */
export interface Release {
  readonly name: string;
  readonly release: () => Promise<void> | void;
}

/**
 * A stack of releases: every acquire pushes its release, `run` works them off last in, first out. A release that
 * fails does not keep the others from running; the first failure is thrown at the end.
 */
export class Releases {
  readonly #stack: Release[] = [];
  #running: Promise<void> | undefined;

  push(name: string, release: Release['release']): void {
    if (this.#running) throw new Error(`cannot acquire ${name}: already stopping`);
    this.#stack.push({ name, release });
  }

  /** Runs once; a second call waits for the first. */
  run(onStep: (name: string) => void = () => undefined): Promise<void> {
    this.#running ??= this.#drain(onStep);
    return this.#running;
  }

  async #drain(onStep: (name: string) => void): Promise<void> {
    const failures: { readonly error: unknown }[] = [];
    for (let next = this.#stack.pop(); next; next = this.#stack.pop()) {
      onStep(next.name);
      try {
        await next.release();
      } catch (error) {
        failures.push({ error });
      }
    }
    const [first] = failures;
    if (first) throw first.error;
  }
}
