import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const fileOf = (name: string): string => fileURLToPath(new URL(`peers/${name}.mjs`, import.meta.url));

/** Runs a peer in a process of its own and returns what it measured: the JSON of its last line. */
export async function runPeer<T>(
  name: string,
  args: readonly (string | number)[],
  env: Readonly<Record<string, string>>,
): Promise<T> {
  const { stdout } = await run(process.execPath, [fileOf(name), ...args.map(String)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    timeout: 300_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as T;
}

/** Installs a peer that has packages of its own, which the product's must not be moved by. Once a checkout. */
export async function installPeer(name: string): Promise<void> {
  const cwd = fileURLToPath(new URL(`peers/${name}/`, import.meta.url));
  if (existsSync(join(cwd, 'node_modules'))) return;
  await run('npm', ['ci', '--ignore-scripts'], { cwd, timeout: 300_000 });
}

export interface ServingPeer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts a peer that serves until it is stopped, and says its port on its first line. */
export async function servePeer(name: string, args: readonly string[]): Promise<ServingPeer> {
  const child = spawn(process.execPath, [fileOf(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(Number(line)));
    void ended.then(() => reject(new Error(`${name} ended before it served`)));
  });
  return {
    port,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
