import { randomInt } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Ports below every system's range of ephemeral ports. A port out of that range could be taken, while an engine
 * restarts, by any outgoing connection; worse, a client that keeps trying a closed port there can connect to itself.
 */
const LOWEST = 20_000;
const HIGHEST = 31_999;

/**
 * Whether nothing listens on that port of the loopback interface.
 * @param {number} port 1-65535
 * @returns {Promise<boolean>}
 */
export function isFree(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Between being chosen and being listened on a port is free for everybody: so long others leave it alone, in ms. */
const RESERVED_MS = 60_000;
const RESERVATIONS = join(tmpdir(), 'mersal-ports');

/**
 * Marks a port as chosen, for all processes of this machine. False: somebody else chose it just now.
 * @param {number} port
 */
export function reserve(port, now = Date.now()) {
  const mark = join(RESERVATIONS, String(port));
  mkdirSync(RESERVATIONS, { recursive: true });
  try {
    writeFileSync(mark, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  if (now - statSync(mark).mtimeMs < RESERVED_MS) return false;
  writeFileSync(mark, String(process.pid));
  return true;
}

/**
 * The wanted port if it is free, else a free one. Wanting 0 or none means any.
 * @param {number} [wanted]
 * @param {{ free?: (port: number) => Promise<boolean>, random?: (low: number, high: number) => number,
 *   except?: ReadonlySet<number>, take?: (port: number) => boolean }} [options]
 * @returns {Promise<number>}
 */
export async function choosePort(
  wanted,
  { free = isFree, random = randomInt, except = new Set(), take = reserve } = {},
) {
  if (wanted && !except.has(wanted) && (await free(wanted))) return wanted;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = random(LOWEST, HIGHEST + 1);
    if (!except.has(port) && (await free(port)) && take(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} in 200 tries`);
}
