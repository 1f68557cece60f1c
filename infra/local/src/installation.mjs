import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { readJson } from './atomic-file.mjs';

/** @typedef {{ root: string, stamp: string, tell?: (detail: string) => void }} Checkout */

/**
 * Whether node_modules holds what package-lock.json asks for. npm notes what it installed in a lock file of its own in
 * there, as the last thing it does.
 * @param {string} root
 */
export function isInstalled(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/')) return true;
    const found = present[path];
    // Other platforms' packages are in the lock file, and are not installed.
    if (found === undefined)
      return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return entry.link === true || found.version === entry.version;
  });
}

/** npm says little while it installs: what shows the progress is how many of the packages are there.
 * @param {Checkout} checkout */
export async function install({ root, tell }) {
  const { packages } = readJson(join(root, 'package-lock.json'));
  const wanted = Object.keys(packages).filter(
    (path) => path.startsWith('node_modules/') && !packages[path].optional && !packages[path].link,
  );
  const timer = setInterval(() => {
    const there = wanted.filter((path) => existsSync(join(root, path, 'package.json'))).length;
    tell?.(`${there} of ${wanted.length} packages`);
  }, 1_000);
  try {
    await command(root, 'npm', ['ci', '--no-fund', '--no-audit'], undefined);
  } finally {
    clearInterval(timer);
  }
}

/**
 * A hash over everything that a build reads.
 * @param {string} root
 */
export function sourceStamp(root) {
  const hash = createHash('sha256');
  /** @param {string} path */
  const add = (path) =>
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  /** @param {string} folder */
  const walk = (folder) => {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) add(path);
    }
  };
  for (const file of ['package-lock.json', 'tsconfig.base.json', 'tsconfig.json'])
    if (existsSync(join(root, file))) add(file);
  for (const group of ['apps', 'packages', 'infra']) {
    if (!existsSync(join(root, group))) continue;
    for (const name of readdirSync(join(root, group)).sort()) {
      for (const file of ['package.json', 'tsconfig.json'])
        if (existsSync(join(root, group, name, file))) add(`${group}/${name}/${file}`);
      if (existsSync(join(root, group, name, 'src'))) walk(`${group}/${name}/src`);
    }
  }
  return hash.digest('hex');
}

/** @param {Checkout & { products: string[] }} checkout `products`: files that a build must have made */
export function isBuilt({ root, stamp, products }) {
  if (!products.every((path) => existsSync(join(root, path)))) return false;
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === sourceStamp(root);
}

/** @param {Checkout} checkout */
export async function build({ root, stamp, tell }) {
  const sources = sourceStamp(root);
  await command(root, 'npm', ['run', 'build'], tell);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, `${sources}\n`);
}

/**
 * @param {string} cwd
 * @param {string} name
 * @param {string[]} args
 * @param {((detail: string) => void) | undefined} tell
 */
async function command(cwd, name, args, tell) {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', NO_COLOR: '1', FORCE_COLOR: '0' };
  const child = spawn(name, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  /** @type {string[]} */
  const said = [];
  /** @param {string} line */
  const hear = (line) => {
    if (line.trim() === '') return;
    said.push(line);
    if (said.length > 200) said.shift();
    tell?.(line.trim().slice(0, 60));
  };
  createInterface({ input: child.stdout }).on('line', hear);
  createInterface({ input: child.stderr }).on('line', hear);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(exit ?? signal));
  });
  if (code !== 0)
    throw new Error(`${name} ${args.join(' ')} failed (${code}):\n${said.slice(-30).join('\n')}`);
}
