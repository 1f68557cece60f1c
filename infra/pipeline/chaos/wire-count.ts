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
export class WireCount {
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

  /** Undefined where tcpdump is not installed, or may not listen. */
  static async start(port: number): Promise<WireCount | undefined> {
    const child = spawn('tcpdump', ['-i', 'lo', '-tt', '-n', '-l', '-B', '8192', filterOf(port)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const count = new WireCount(child);
    const listens = await new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false));
      child.once('close', () => resolve(false));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('listening on')) resolve(true);
      });
    });
    return listens ? count : undefined;
  }

  async stop(): Promise<void> {
    if (this.#isRunning) this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

/** The most moments within any 1,000 ms. */
export function worstSecond(moments: readonly number[]): number {
  const sorted = moments.toSorted((a, b) => a - b);
  let from = 0;
  let worst = 0;
  for (const [to, moment] of sorted.entries()) {
    while (moment - (sorted[from] as number) >= 1_000) from += 1;
    worst = Math.max(worst, to - from + 1);
  }
  return worst;
}
