import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a peer in a process of its own and returns what it measured: the JSON of its last line. */
export async function runPeer<T>(
  name: string,
  args: readonly (string | number)[],
  env: Readonly<Record<string, string>>,
): Promise<T> {
  const file = fileURLToPath(new URL(`peers/${name}.mjs`, import.meta.url));
  const { stdout } = await run(process.execPath, [file, ...args.map(String)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    timeout: 300_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as T;
}
