import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { dockerAdvice, EngineError } from './engine-error.mjs';
import { withFileLock } from './file-lock.mjs';
import { findMaven } from './java.mjs';

const pom = fileURLToPath(new URL('../../pom.xml', import.meta.url));

/** Of this checkout: .local/cache. */
export const defaultCacheDir = fileURLToPath(new URL('../../../../.local/cache', import.meta.url));

/** Kafka and Redis start side by side and need the same jars. @type {Map<string, Promise<string>>} */
const underWay = new Map();

/** What Maven's batch mode says of a file it has fetched; only the file's name is kept. */
const FETCHED = /^Downloaded from \S+ \S+\/([^/\s]+) \(/;

/**
 * The jars of pom.xml in a directory named by that file's hash; fetched at the first call of a checkout, by one process at
 * a time. A directory of that name is complete: it got its name after the last file.
 *
 * @param {{ cacheDir?: string, env?: NodeJS.ProcessEnv, onProgress?: (done: string) => void }} [options]
 * @returns {Promise<string>} the directory
 * @throws {EngineError} maven_missing, download_failed
 */
export function javaArtifacts({ cacheDir = defaultCacheDir, env = process.env, onProgress = () => {} } = {}) {
  const shared = underWay.get(cacheDir) ?? artifacts({ cacheDir, env, onProgress });
  underWay.set(cacheDir, shared);
  return shared.finally(() => underWay.delete(cacheDir));
}

const pomHash = () => createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);

/**
 * Whether they are there already, so that Maven is not needed.
 * @param {string} [cacheDir]
 */
export const hasJavaArtifacts = (cacheDir = defaultCacheDir) =>
  existsSync(join(cacheDir, `jars-${pomHash()}`));

/** @param {{ cacheDir: string, env: NodeJS.ProcessEnv, onProgress: (done: string) => void }} options */
async function artifacts({ cacheDir, env, onProgress }) {
  const hash = pomHash();
  const libs = join(cacheDir, `jars-${hash}`);
  if (existsSync(libs)) return libs;
  const lock = join(cacheDir, 'jars.lock');
  return withFileLock(
    lock,
    async () => {
      if (existsSync(libs)) return libs;
      const part = join(cacheDir, `jars-${hash}.part`);
      rmSync(part, { recursive: true, force: true });
      mkdirSync(part, { recursive: true });
      await copyDependencies({ target: part, env, onProgress });
      for (const entry of readdirSync(cacheDir))
        if (entry.startsWith('jars-') && entry !== `jars-${hash}.part`)
          rmSync(join(cacheDir, entry), { recursive: true, force: true });
      renameSync(part, libs);
      return libs;
    },
    { onWait: (pid) => onProgress(`process ${pid} is fetching them already`) },
  );
}

/** @param {{ target: string, env: NodeJS.ProcessEnv, onProgress: (done: string) => void }} options */
async function copyDependencies({ target, env, onProgress }) {
  const maven = await findMaven(env);
  const args = [
    '--batch-mode',
    '-Dstyle.color=never',
    '-f',
    pom,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${target}`,
  ];
  const child = spawn(maven, args, { env, cwd: dirname(pom), stdio: ['ignore', 'pipe', 'pipe'] });
  /** @type {string[]} */
  const said = [];
  let fetched = 0;
  /** @param {string} raw */
  const hear = (raw) => {
    const line = raw.replace(/^\[INFO\] /, '');
    const file = FETCHED.exec(line)?.[1];
    if (file !== undefined) {
      fetched += 1;
      onProgress(`${fetched} files, ${file}`);
    } else if (!/^(Downloading|Progress)/.test(line)) {
      said.push(raw);
      if (said.length > 400) said.shift();
    }
  };
  createInterface({ input: child.stdout }).on('line', hear);
  createInterface({ input: child.stderr }).on('line', hear);
  /** @type {number | string} */
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  if (code === 0) return;
  const log = join(dirname(target), 'maven.log');
  writeFileSync(log, `${said.join('\n')}\n`);
  const errors = said.filter((line) => line.startsWith('[ERROR]')).slice(0, 4);
  throw new EngineError(
    'download_failed',
    `Maven could not fetch Kafka and Redis (exit ${code}; all it said: ${log}). ${dockerAdvice}\n${errors.join('\n')}`,
  );
}
