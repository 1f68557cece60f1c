import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Pipeline } from '@mersal/testkit';

const BIN = fileURLToPath(new URL('../../../apps/cli/bin/mersal.mjs', import.meta.url));

/** A command of the operators' that is under way. */
export interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

export function start(pipeline: Pick<Pipeline, 'cli'>, ...args: string[]): Command {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...pipeline.cli },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended };
}

/** Its exit code, and what it printed as JSON. */
export async function mersal(
  pipeline: Pick<Pipeline, 'cli'>,
  ...args: string[]
): Promise<{ readonly code: number | null; readonly json: unknown; readonly text: string }> {
  const { code, out, err } = await start(pipeline, ...args, '--json').ended;
  if (out === '') throw new Error(`mersal ${args.join(' ')} ended with ${code}: ${err}`);
  return { code, json: JSON.parse(out) as unknown, text: out + err };
}
