import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from '../test/child.mjs';

/** What callers import, and what is published. */
export const PUBLIC_PACKAGES = ['send-queue', 'template-cache'];
const SCOPE = '@mersal/';

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {Record<string, string>} [dependencies]
 */

/** @param {string} directory @returns {Manifest} */
function manifestOf(directory) {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
}

/** A package's inner dependencies, theirs included. @param {string} root @param {Manifest} manifest @returns {string[]} folders */
function innerOf(root, manifest, found = new Set()) {
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const folder = name.slice(SCOPE.length);
    if (!name.startsWith(SCOPE) || found.has(folder)) continue;
    found.add(folder);
    innerOf(root, manifestOf(join(root, 'packages', folder)), found);
  }
  return [...found];
}

/**
 * The manifest as it is published: the inner packages travel inside of the tarball, and what those need stands beside the package's own
 * dependencies, so that it is installed once.
 * @param {string} root @param {string} folder
 */
function publishedManifest(root, folder) {
  const manifest = /** @type {any} */ (manifestOf(join(root, 'packages', folder)));
  for (const name of ['devDependencies', 'scripts', 'private']) delete manifest[name];
  const inner = innerOf(root, manifest);
  const all = [manifest, ...inner.map((name) => manifestOf(join(root, 'packages', name)))];
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return {
    inner,
    manifest: {
      ...manifest,
      engines,
      dependencies: Object.assign({}, ...all.map((one) => one.dependencies ?? {})),
      ...(inner.length > 0 ? { bundleDependencies: inner.map((name) => `${SCOPE}${name}`) } : {}),
    },
  };
}

/** @param {string} from @param {string} to */
function copyBuild(from, to) {
  cpSync(join(from, 'dist'), join(to, 'dist'), {
    recursive: true,
    filter: (path) => !path.endsWith('.tsbuildinfo'),
  });
}

/**
 * Packs a public package. The build must be there.
 * @param {string} root the checkout @param {string} folder @param {string} into a directory
 * @returns {Promise<string>} the tarball's path
 */
export async function pack(root, folder, into) {
  const from = join(root, 'packages', folder);
  if (!existsSync(join(from, 'dist', 'index.js')))
    throw new Error(`${folder} is not built: run npm run build first`);
  const stage = mkdtempSync(join(tmpdir(), `mersal-${folder}-`));
  try {
    const { inner, manifest } = publishedManifest(root, folder);
    copyBuild(from, stage);
    for (const file of ['README.md', '../../LICENSE'])
      cpSync(join(from, file), join(stage, file.replace('../../', '')));
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    for (const name of inner) {
      const place = join(stage, 'node_modules', SCOPE, name);
      mkdirSync(place, { recursive: true });
      copyBuild(join(root, 'packages', name), place);
      cpSync(join(root, 'packages', name, 'package.json'), join(place, 'package.json'));
    }
    mkdirSync(into, { recursive: true });
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', into];
    const { code, output, trouble } = await runToEnd('npm', args, { cwd: stage, limitMs: 60_000 });
    if (code !== 0) throw new Error(`npm pack of ${folder} failed: ${trouble ?? ''}\n${output}`);
    return join(into, output.trim().split('\n').at(-1) ?? '');
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, '..', '..');
  const into = process.argv[2] ?? join(root, '.local', 'packages');
  for (const folder of PUBLIC_PACKAGES) process.stdout.write(`${await pack(root, folder, into)}\n`);
}
