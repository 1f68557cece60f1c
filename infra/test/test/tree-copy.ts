import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

const LEFT_OUT = new Set(['node_modules', 'dist', '.turbo', '.local', '.git', 'logs', 'test-results']);

/** The sources of the checkout at another place, where a test may break them. */
export interface TreeCopy {
  readonly path: string;
  readonly run: (
    command: string,
    args: readonly string[],
  ) => { readonly code: number | null; readonly output: string };
  readonly remove: () => void;
}

/** Copies these files and folders; installed packages are shared with the checkout. */
export function copyTree(paths: readonly string[]): TreeCopy {
  const path = mkdtempSync(join(tmpdir(), 'mersal-tree-'));
  for (const each of paths)
    cpSync(join(root, each), join(path, each), {
      recursive: true,
      filter: (from) => !LEFT_OUT.has(basename(from)),
    });
  symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'));
  return {
    path,
    run: (command, args) => {
      const { status, stdout, stderr } = spawnSync(join(root, 'node_modules', '.bin', command), args, {
        cwd: path,
        encoding: 'utf8',
        env: { ...process.env, NO_COLOR: '1', TURBO_TELEMETRY_DISABLED: '1' },
        timeout: 60_000,
      });
      return { code: status, output: stdout + stderr };
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
