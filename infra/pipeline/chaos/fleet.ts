import type { Pipeline, ServiceProcess } from '@mersal/testkit';

/** A process stood still from `from` to `to`, ms since 1970. */
export interface Freeze {
  readonly name: string;
  readonly pid: number;
  readonly from: number;
  readonly to: number;
}

/** The senders as chaos moves them; it remembers every process that ever ran and when each was frozen. */
export class Fleet {
  readonly freezes: Freeze[] = [];
  readonly #pipeline: Pipeline;
  readonly #envOf: (name: string) => Readonly<Record<string, string>>;
  readonly #running = new Map<string, ServiceProcess>();
  readonly #ended: ServiceProcess[] = [];

  constructor(pipeline: Pipeline, envOf: (name: string) => Readonly<Record<string, string>>) {
    this.#pipeline = pipeline;
    this.#envOf = envOf;
  }

  get names(): string[] {
    return [...this.#running.keys()].toSorted();
  }

  has(name: string): boolean {
    return this.#running.has(name);
  }

  /** Every sender process so far. */
  get processes(): readonly ServiceProcess[] {
    return [...this.#ended, ...this.#running.values()];
  }

  /** Senders that ended without being told to; they are none of the running ones any more. */
  takeDied(): ServiceProcess[] {
    const died = [...this.#running].filter(([, one]) => one.ended !== undefined);
    return died.map(([name]) => this.#take(name));
  }

  async start(name: string): Promise<void> {
    this.#running.set(name, await this.#pipeline.startSender(name, this.#envOf(name)));
  }

  /** The sender of that name, or where it does not run the first that does. */
  choose(name: string): string {
    const found = this.#running.has(name) ? name : this.names[0];
    if (found === undefined) throw new Error('no sender runs');
    return found;
  }

  kill(name: string): void {
    this.#take(name).signal('SIGKILL');
  }

  /** Resolves with its exit code. */
  stop(name: string): Promise<number | string> {
    return this.#take(name).stop();
  }

  async freeze(name: string, ms: number): Promise<void> {
    const sender = this.#running.get(name);
    if (!sender) throw new Error(`${name} does not run`);
    const from = Date.now();
    sender.signal('SIGSTOP');
    await new Promise((done) => setTimeout(done, ms));
    const to = Date.now();
    sender.signal('SIGCONT');
    this.freezes.push({ name, pid: sender.pid, from, to });
  }

  #take(name: string): ServiceProcess {
    const sender = this.#running.get(name);
    if (!sender) throw new Error(`${name} does not run`);
    this.#running.delete(name);
    this.#ended.push(sender);
    return sender;
  }
}
