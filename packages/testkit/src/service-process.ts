import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { choosePort } from '@mersal/local';
import { waitFor } from './wait-for.js';

/** Of this checkout. */
export const THIS_RELEASE = fileURLToPath(new URL('../../../', import.meta.url));

/** One service as it runs in production: a process of its own, reached by its probes and its log. */
export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  /** Of the probe listener. */
  readonly url: string;
  /** Every line so far, newest last; bounded. */
  readonly lines: readonly string[];
  /** The exit code, or the signal's name; undefined while it runs. */
  readonly ended: number | string | undefined;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if it does not end in time. Resolves with the exit code. */
  stop(): Promise<number | string>;
}

const MOST_LINES = 200_000;

export async function startService(options: {
  readonly app: string;
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** The root of a built checkout. Default: this one. */
  readonly release?: string;
  /** What is run, from the app's directory. Default `dist/main.js`. */
  readonly entry?: string;
  /** More of Node's own arguments. */
  readonly nodeArgs?: readonly string[];
  /** Wait until /health/ready answers 200. Default true. */
  readonly untilReady?: boolean;
  /** Default 40,000. */
  readonly readyWithinMs?: number;
  /** Aborted, it kills the process, whether it is up already or not. */
  readonly signal?: AbortSignal | undefined;
}): Promise<ServiceProcess> {
  const { app, name, signal } = options;
  signal?.throwIfAborted();
  const port = await choosePort(0);
  const cwd = join(options.release ?? THIS_RELEASE, 'apps', app);
  const child: ChildProcess = spawn(
    process.execPath,
    [
      ...(options.nodeArgs ?? []),
      '--import',
      '@mersal/telemetry/register',
      join(cwd, options.entry ?? 'dist/main.js'),
    ],
    {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', PROBE_PORT: String(port), INSTANCE: name, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const lines: string[] = [];
  let ended: number | string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      if (lines.length > MOST_LINES) lines.splice(0, lines.length - MOST_LINES);
    });
  }
  const exit = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      ended = code ?? signal ?? 'unknown';
      resolve(ended);
    });
  });
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', kill);
  // It may have been aborted while the port was chosen.
  if (signal?.aborted) kill();
  void exit.then(() => signal?.removeEventListener('abort', kill));
  const url = `http://127.0.0.1:${port}`;
  const service: ServiceProcess = {
    name,
    pid: child.pid as number,
    url,
    lines,
    get ended() {
      return ended;
    },
    signal: (which) => void child.kill(which),
    stop: async () => {
      if (ended !== undefined) return ended;
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const code = await exit;
      clearTimeout(force);
      return code;
    },
  };
  if (options.untilReady !== false) {
    try {
      await waitFor(
        async () => {
          if (ended !== undefined) return true;
          const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
          return answer?.status === 200;
        },
        {
          timeoutMs: options.readyWithinMs ?? 40_000,
          describe: () => `${name} to be ready; it said:\n${lines.slice(-20).join('\n')}`,
        },
      );
      if (ended !== undefined)
        throw new Error(`${name} ended with ${ended}:\n${lines.slice(-20).join('\n')}`);
    } catch (error) {
      kill();
      throw error;
    }
  }
  return service;
}
