import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { products } from '../src/service-definitions.mjs';
import { sourceStamp } from '../src/installation.mjs';

const real = fileURLToPath(new URL('../../..', import.meta.url));

export interface Run {
  readonly pid: number;
  output(): string;
  readonly ended: Promise<number | null>;
}

/** A checkout with this folder's real code, the installed packages, and fakes in the places of services and CLI. */
export class FakeCheckout {
  readonly root = mkdtempSync(join(tmpdir(), 'mersal-start-'));

  constructor() {
    const { root } = this;
    // mkdtemp's 700 would keep the user that runs Postgres out.
    chmodSync(root, 0o755);
    for (const file of ['package-lock.json', 'package.json']) cpSync(join(real, file), join(root, file));
    mkdirSync(join(root, 'infra', 'local'), { recursive: true });
    cpSync(join(real, 'infra/local/src'), join(root, 'infra/local/src'), { recursive: true });
    for (const file of ['pom.xml', 'package.json'])
      cpSync(join(real, 'infra/local', file), join(root, 'infra/local', file));
    symlinkSync(join(real, 'node_modules'), join(root, 'node_modules'));
    mkdirSync(join(root, '.local'));
    mkdirSync(join(real, '.local', 'cache'), { recursive: true });
    symlinkSync(join(real, '.local', 'cache'), join(root, '.local', 'cache'));
    const fake = fileURLToPath(new URL('fakes/service.mjs', import.meta.url));
    for (const product of products) {
      mkdirSync(join(root, product, '..'), { recursive: true });
      writeFileSync(join(root, product, '..', '..', 'package.json'), '{"type":"module"}');
      cpSync(fake, join(root, product));
    }
    mkdirSync(join(root, 'apps', 'cli', 'bin'), { recursive: true });
    writeFileSync(
      join(root, 'apps', 'cli', 'bin', 'mersal.mjs'),
      "import { appendFileSync } from 'node:fs';\nappendFileSync('cli.log', process.argv.slice(2).join(' ') + '\\n');\n",
    );
    writeFileSync(join(root, '.local', 'build.stamp'), sourceStamp(root));
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  start(args: string[], env: NodeJS.ProcessEnv = {}): Run {
    const child = spawn(process.execPath, [this.path('infra/local/src/start.mjs'), ...args], {
      cwd: this.root,
      // A port of its own: another stack may run on this machine.
      env: { ...process.env, PORT: '23877', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    if (child.pid === undefined) throw new Error('could not run it');
    return {
      pid: child.pid,
      output: () => output,
      ended: new Promise((resolve) => child.once('close', resolve)),
    };
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
