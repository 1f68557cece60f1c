import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../apps/twilio-simulator/dist/main.js', import.meta.url));

export interface SimulatorProcess {
  readonly url: string;
  admin(method: string, path: string, body?: unknown): Promise<Response>;
  stop(): Promise<void>;
}

/** The built simulator in a process of its own, on a free port. */
export async function startSimulator(accounts: readonly object[]): Promise<SimulatorProcess> {
  const child: ChildProcess = spawn(process.execPath, [MAIN], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the simulator ended with ${code}: is it built?`)));
    if (!child.stdout) throw new Error('no stdout');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /"url":"([^"]+)"/.exec(line);
      if (found?.[1]) resolve(found[1]);
    });
  });
  const admin = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${url}/_simulator${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  await admin('POST', '/accounts', accounts);
  return {
    url,
    admin,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      process.removeListener('exit', kill);
    },
  };
}
