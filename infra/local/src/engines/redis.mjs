import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { dockerAdvice, EngineError } from './engine-error.mjs';
import { EngineProcess, handle, startOnFreePort } from './engine-process.mjs';
import { choosePort } from './free-port.mjs';
import { defaultCacheDir, javaArtifacts } from './java-artifacts.mjs';
import { ask } from './loopback-socket.mjs';
import { readZipEntry } from './zip-archive.mjs';

const VERSION = '7.0.15';
const JAR = 'embedded-redis-0.9.1.jar';
/** @type {Readonly<Record<string, string>>} Node's names of platforms → the jar's */
const BINARIES = {
  'linux-x64': 'linux-amd64',
  'linux-arm64': 'linux-arm64',
  'linux-ia32': 'linux-386',
  'darwin-x64': 'darwin-amd64',
  'darwin-arm64': 'darwin-arm64',
};

/**
 * The static binary for this platform, out of its jar.
 * @param {{ cacheDir: string, onProgress?: (done: string) => void }} options
 */
async function redisBinary({ cacheDir, ...options }) {
  const platform = `${process.platform}-${process.arch}`;
  const suffix = BINARIES[platform];
  if (suffix === undefined)
    throw new EngineError(
      'platform_unsupported',
      `There is no Redis binary for ${platform}. ${dockerAdvice}`,
    );
  const file = `redis-server-${VERSION}-${suffix}`;
  const binary = join(cacheDir, file);
  if (existsSync(binary)) return binary;
  const jar = join(await javaArtifacts({ cacheDir, ...options }), JAR);
  const content = readZipEntry(jar, file);
  if (content === undefined) throw new EngineError('binaries_missing', `${jar} holds no ${file}`);
  mkdirSync(cacheDir, { recursive: true });
  const part = `${binary}.${process.pid}.part`;
  writeFileSync(part, content);
  chmodSync(part, 0o755);
  renameSync(part, binary);
  return binary;
}

/** @param {number} port */
async function probeRedis(port) {
  const answer = await ask({
    port,
    bytes: Buffer.from('PING\r\n'),
    parse: (received) => (received.includes('\r\n') ? received.toString('utf8').trim() : undefined),
  });
  // While it reads its file it answers -LOADING.
  if (answer !== '+PONG') throw new Error(answer);
}

/**
 * Redis on loopback, data in `dir`.
 * @param {object} options
 * @param {string} options.dir
 * @param {number} [options.port] wanted; default 6379; a free one is chosen when it is taken
 * @param {boolean} [options.appendOnly] keep data over restarts (default true)
 * @param {readonly string[]} [options.args] more of the server's arguments
 * @param {string} [options.cacheDir]
 * @param {(done: string) => void} [options.onProgress]
 * @throws {EngineError}
 */
export async function startRedis({
  dir,
  port: wanted = 6379,
  appendOnly = true,
  args: more = [],
  cacheDir = defaultCacheDir,
  onProgress,
}) {
  const binary = await redisBinary({ cacheDir, ...(onProgress && { onProgress }) });
  const data = join(dir, 'data');
  mkdirSync(data, { recursive: true });
  let port = wanted;
  const engine = await startOnFreePort(async (except) => {
    port = await choosePort(wanted, { except });
    const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', data, '--daemonize', 'no'];
    // Its own title would hide the directory from the command line.
    args.push(
      '--set-proc-title',
      'no',
      '--save',
      '',
      '--appendonly',
      appendOnly ? 'yes' : 'no',
      '--loglevel',
      'notice',
      ...more,
    );
    const spec = {
      name: 'redis',
      dir,
      command: binary,
      args,
      probe: () => probeRedis(port),
      portTaken: /Address already in use/,
    };
    return { process: new EngineProcess({ ...spec, readyTimeoutMs: 30_000 }), ports: [port] };
  });
  return handle(engine, { port, url: `redis://127.0.0.1:${port}` });
}
