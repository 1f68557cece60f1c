/**
 * `npm run images`: builds the image of every service, and shows how large each is and a digest of what is in it: the same lockfile and
 * sources give the same digest, whoever builds. What follows a second `--` goes to the engine's build.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { APPS } from './apps.mjs';
import { ask, findEngine } from './engine.mjs';

const root = join(import.meta.dirname, '..', '..');
const MIB = 1_024 * 1_024;
/** Files by path and content: neither times nor owners, which differ with each build. */
const DIGEST =
  'find /app -type f | LC_ALL=C sort | xargs -d "\\n" sha256sum | sha256sum | cut -c1-16; du -sm /app | cut -f1';

const { values, positionals } = parseArgs({
  options: {
    engine: { type: 'string' },
    repository: { type: 'string', default: 'mersal' },
  },
  allowPositionals: true,
});
const engine = findEngine(values.engine);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const rows = [];
for (const app of APPS) {
  const image = `${values.repository}/${app}`;
  const tags = ['--tag', image, '--tag', `${image}:${version}`];
  // Podman's own format has no health checks.
  const format = engine === 'podman' ? ['--format', 'docker'] : [];
  const args = [
    'build',
    '--file',
    'infra/docker/Dockerfile',
    '--build-arg',
    `APP=${app}`,
    ...tags,
    ...format,
  ];
  const { status } = spawnSync(engine, [...args, ...positionals, '.'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${engine} build of ${app} ended with ${status}`);
  const bytes = Number(await ask(engine, ['image', 'inspect', '--format', '{{.Size}}', image]));
  const shell = [
    'run',
    '--rm',
    '--no-healthcheck',
    '--pull=never',
    '--network=none',
    '--entrypoint',
    'sh',
    image,
    '-c',
    DIGEST,
  ];
  const [digest, mebibytes] = (await ask(engine, shell)).split('\n');
  rows.push({
    image,
    'MiB in all': Math.round(bytes / MIB),
    'MiB of ours': Number(mebibytes),
    contents: digest,
  });
}
console.table(rows);
