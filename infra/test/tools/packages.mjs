import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, PUBLIC_PACKAGES } from '../../packaging/pack.mjs';
import { runToEnd } from '../child.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const BUN = 'bun@1.4.5';
const MINUTE_MS = 60_000;

/**
 * Packs what callers import, installs the tarballs in an empty ES module and an empty CommonJS project, checks the types there and runs
 * both, the first also under Bun.
 * @param {Context} context @returns {Promise<CheckResult>}
 */
export async function checkPackages(context) {
  const place = mkdtempSync(join(tmpdir(), 'mersal-packages-'));
  try {
    const tarballs = [];
    for (const folder of PUBLIC_PACKAGES) tarballs.push(await pack(context.root, folder, place));
    for (const type of /** @type {const} */ (['module', 'commonjs'])) {
      context.tell(`an empty ${type} project`);
      const reason = await tryIn(context, mkdtempSync(join(place, `${type}-`)), type, tarballs);
      if (reason !== undefined) return reason;
    }
    return { state: 'passed' };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/**
 * @param {Context} context @param {string} project @param {'module' | 'commonjs'} type @param {readonly string[]} tarballs
 * @returns {Promise<CheckResult | undefined>} undefined: all is well
 */
async function tryIn(context, project, type, tarballs) {
  const consumer = join(context.root, 'infra/packaging/consumer');
  const run = type === 'module' ? 'run.mjs' : 'run.cjs';
  for (const file of ['use.ts', 'check.cjs', run]) copyFileSync(join(consumer, file), join(project, file));
  const write = (/** @type {string} */ file, /** @type {object} */ value) =>
    writeFileSync(join(project, file), JSON.stringify(value));
  write('package.json', { name: 'somebody-s-project', private: true, type });
  write('tsconfig.json', {
    compilerOptions: { module: 'nodenext', strict: true, noEmit: true, types: [], lib: ['es2023', 'dom'] },
    files: ['use.ts'],
  });
  const quiet = ['--silent', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  /** @type {readonly [string, readonly string[]][]} */
  const steps = [
    ['npm', ['install', ...quiet, ...tarballs]],
    [join(context.root, 'node_modules/.bin/tsc'), ['-p', '.']],
    [process.execPath, [run]],
  ];
  for (const [command, args] of steps) {
    const { code, output, trouble } = await runToEnd(command, args, { cwd: project, limitMs: 3 * MINUTE_MS });
    if (code !== 0)
      return {
        state: 'failed',
        reason: `${type}: ${command} ${args.join(' ')}: ${trouble ?? ''}\n${output.trim()}`,
      };
  }
  return type === 'module' ? underBun(project) : undefined;
}

/** @param {string} project @returns {Promise<CheckResult | undefined>} */
async function underBun(project) {
  // Its install script puts the program in place.
  const install = ['install', '--silent', '--no-audit', '--no-fund', '--no-save', BUN];
  const installed = await runToEnd('npm', install, { cwd: project, limitMs: 5 * MINUTE_MS });
  const bun = join(project, 'node_modules/.bin/bun');
  const answers = await runToEnd(bun, ['--version'], { cwd: project, limitMs: MINUTE_MS });
  if (installed.code !== 0 || answers.code !== 0)
    return { state: 'skipped', reason: `Node is fine, but npm brought no Bun: ${installed.output.trim()}` };
  const { code, output, trouble } = await runToEnd(bun, ['run.mjs'], { cwd: project, limitMs: MINUTE_MS });
  return code === 0
    ? undefined
    : { state: 'failed', reason: `under Bun: ${trouble ?? ''}\n${output.trim()}` };
}
