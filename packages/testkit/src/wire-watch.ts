import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

/**
 * POSTs to the messages API, by the first bytes of their segment: `POST` and, five bytes on, `/201` of /2010-04-01/…; and
 * datagrams, of which the only one is our own mark of the end.
 */
function filterOf(port: number): string {
  const data = '((tcp[12:1] & 0xf0) >> 2)';
  const isPost = `tcp[${data}:4] = 0x504f5354 and tcp[${data} + 5:4] = 0x2f323031`;
  return `(tcp dst port ${port} and ${isPost}) or (udp dst port ${port})`;
}

/** Frames in the kernel's ring are as long as the longest that is kept: short ones, and many of them. */
const OPTIONS = ['-i', 'lo', '-tt', '-n', '-l', '--immediate-mode', '-s', '160', '-B', '8192'];
/** Within it the mark is seen, or the listener has died. */
const MARK_MS = 10_000;

async function sendMark(port: number): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.send('end', port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
  }).finally(() => socket.close());
}

/**
 * Message requests as the kernel saw them go out, by tcpdump. A provider process that stalls on a busy machine counts
 * bunches that never were; the kernel does not.
 */
export class WireWatch {
  /** ms since 1970, with fractions. */
  readonly at: number[] = [];
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #ended: Promise<void>;
  readonly #marked: Promise<void>;
  #isRunning = true;
  #stopped: Promise<void> | undefined;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.#port = port;
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        this.#isRunning = false;
        resolve();
      });
    });
    this.#marked = new Promise((resolve) => {
      if (child.stdout)
        createInterface({ input: child.stdout }).on('line', (line) => {
          const seconds = Number.parseFloat(line);
          if (line.includes(': UDP,')) resolve();
          else if (seconds > 0) this.at.push(seconds * 1_000);
        });
    });
  }

  /** Listens already when it resolves. Undefined where tcpdump is not installed, or may not listen. */
  static async start(port: number): Promise<WireWatch | undefined> {
    const child = spawn('tcpdump', [...OPTIONS, filterOf(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const watch = new WireWatch(child, port);
    const listens = await new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false));
      child.once('close', () => resolve(false));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('listening on')) resolve(true);
      });
    });
    return listens ? watch : undefined;
  }

  /**
   * Resolves once `at` holds all that was written before this call: a mark goes the same way, and is waited for. Ended by a
   * signal alone, tcpdump drops what the kernel has not handed over yet.
   * Asked again, it tells the same.
   * @throws Error when the listener died before, so that fewer requests are never taken for all of them
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const isWhole = this.#isRunning && (await this.#passesMark());
    if (this.#isRunning) this.#child.kill('SIGTERM');
    await this.#ended;
    if (!isWhole) throw new Error('tcpdump ended, or fell silent, before the end of what it watched');
  }

  async #passesMark(): Promise<boolean> {
    await sendMark(this.#port);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), MARK_MS);
    });
    const passed = this.#marked.then(() => true);
    return Promise.race([passed, this.#ended.then(() => false), late]).finally(() => clearTimeout(timer));
  }
}
