import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** POSTs to the messages API, by the first bytes of their segment: `POST` and, five bytes on, `/201` of /2010-04-01/…. */
function filterOf(port: number): string {
  const data = '((tcp[12:1] & 0xf0) >> 2)';
  return `tcp dst port ${port} and tcp[${data}:4] = 0x504f5354 and tcp[${data} + 5:4] = 0x2f323031`;
}

/**
 * Message requests as the kernel saw them go out, by tcpdump. A provider process that stalls on a busy machine counts
 * bunches that never were; the kernel does not.
 */
export class WireWatch {
  /** ms since 1970, with fractions. */
  readonly at: number[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #isRunning = true;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        this.#isRunning = false;
        resolve();
      });
    });
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => {
        const seconds = Number.parseFloat(line);
        if (seconds > 0) this.at.push(seconds * 1_000);
      });
  }

  /** Listens already when it resolves. Undefined where tcpdump is not installed, or may not listen. */
  static async start(port: number): Promise<WireWatch | undefined> {
    const child = spawn('tcpdump', ['-i', 'lo', '-tt', '-n', '-l', '-B', '8192', filterOf(port)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const watch = new WireWatch(child);
    const listens = await new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false));
      child.once('close', () => resolve(false));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('listening on')) resolve(true);
      });
    });
    return listens ? watch : undefined;
  }

  /** Resolves once `at` holds all that was seen. */
  async stop(): Promise<void> {
    if (this.#isRunning) this.#child.kill('SIGTERM');
    await this.#ended;
  }
}
