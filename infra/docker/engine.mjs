import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const ENGINES = ['docker', 'podman'];
const LIMIT_MS = 120_000;

/** What runs containers: `wanted`, else the first that answers. @param {string} [wanted] @returns {string} */
export function findEngine(wanted) {
  const candidates = wanted === undefined ? ENGINES : [wanted];
  const found = candidates.find((engine) => spawnSync(engine, ['info'], { stdio: 'ignore' }).status === 0);
  if (found === undefined) throw new Error(`no engine for containers answers: ${candidates.join(', ')}`);
  return found;
}

/** What a command of the engine writes. Throws with what it complained about.
 * @param {string} engine @param {readonly string[]} args @param {Record<string, string>} [env] more of its environment
 * @param {{ withErrors?: boolean }} [options] */
export async function ask(engine, args, env = {}, { withErrors = false } = {}) {
  const { stdout, stderr } = await execute(engine, args, {
    env: { ...process.env, ...env },
    timeout: LIMIT_MS,
    maxBuffer: 64 * 1_024 * 1_024,
  });
  return (withErrors ? stdout + stderr : stdout).trim();
}
