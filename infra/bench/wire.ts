import { spawn, spawnSync } from 'node:child_process';

export interface Wire {
  /** When each POST to the port was seen by the kernel, in ms since 1970. */
  stop(): Promise<number[]>;
}

/** The first bytes of a segment's payload are `POST`. */
const IS_POST = 'tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x504f5354';

/** Watches loopback by tcpdump, whose clock no busy process stalls; undefined where it is not installed, or not allowed. */
export function watchWire(port: number): Wire | undefined {
  if (spawnSync('tcpdump', ['--version']).status !== 0) return undefined;
  const child = spawn('tcpdump', ['-i', 'lo', '-tt', '-n', '-l', `tcp dst port ${port} and ${IS_POST}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    stop: async () => {
      child.kill('SIGINT');
      await ended;
      return out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => Number.parseFloat(line) * 1_000);
    },
  };
}
