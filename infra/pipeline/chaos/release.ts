import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** Of a file that says that the rest is whole. */
const BUILT = '.built';

export interface Release {
  /** The root of a built checkout. */
  readonly path: string;
  /** Its commit. */
  readonly sha: string;
}

/** The release that a commit is, installed and built; kept under .local for the next time. */
export function releaseOf(commit: string, say: (text: string) => void): Release {
  const sha = execFileSync('git', ['rev-parse', '--verify', `${commit}^{commit}`], {
    cwd: root,
    encoding: 'utf8',
  }).trim();
  const path = join(root, '.local', 'releases', sha.slice(0, 12));
  if (existsSync(join(path, BUILT))) return { path, sha };
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  say(`release ${sha.slice(0, 12)}: unpacking`);
  const archive = join(path, 'release.tar');
  run('git', ['archive', '--format=tar', `--output=${archive}`, sha], root);
  run('tar', ['-xf', archive, '-C', path], root);
  rmSync(archive);
  say(`release ${sha.slice(0, 12)}: npm ci`);
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], path);
  say(`release ${sha.slice(0, 12)}: build`);
  run('npx', ['turbo', 'run', 'build', '--output-logs=errors-only'], path);
  writeFileSync(join(path, BUILT), '');
  return { path, sha };
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, signal, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? signal ?? `exit code ${status}`}`);
}
