import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const WARNING = 40;
const LONGEST_LINE = 256 * 1024;

/**
 * logs/app.log: the lines of all services in one file, which grows to a limit and then becomes app.log.1. Written
 * synchronously, so that a service that logs faster than the disk waits for it.
 */
export class AppLog {
  #file;
  #size;
  #closed = false;

  /**
   * @param {string} path
   * @param {{ limitBytes?: number, onWarning?: (service: string, line: string) => void }} [options]
   */
  constructor(path, { limitBytes = 128 * 1024 * 1024, onWarning } = {}) {
    this.path = path;
    this.limitBytes = limitBytes;
    this.onWarning = onWarning;
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, 'a');
    this.#size = fstatSync(this.#file).size;
  }

  /** @param {string[]} lines */
  #append(lines) {
    // The last words of a child that was killed may come after the end.
    if (this.#closed) return;
    if (this.#size > this.limitBytes) {
      closeSync(this.#file);
      renameSync(this.path, `${this.path}.1`);
      this.#file = openSync(this.path, 'a');
      this.#size = 0;
    }
    this.#size += writeSync(this.#file, `${lines.join('\n')}\n`);
  }

  /**
   * Reads a service's stream to its end.
   * @param {string} service
   * @param {import('node:stream').Readable} stream
   */
  follow(service, stream) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (/** @type {string} */ chunk) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      if (rest.length > LONGEST_LINE) {
        parts.push(rest);
        rest = '';
      }
      this.#take(service, parts);
    });
    stream.on('end', () => this.#take(service, [rest]));
  }

  /** @param {string} service @param {string[]} raw */
  #take(service, raw) {
    const lines = [];
    for (const text of raw) {
      if (text.trim() === '') continue;
      const level = levelOf(text);
      // What is no JSON was not written by the logger: a crash, a warning of Node.
      const line =
        level === undefined ? JSON.stringify({ level: WARNING, time: Date.now(), service, msg: text }) : text;
      lines.push(line);
      if ((level ?? WARNING) >= WARNING) this.onWarning?.(service, line);
    }
    if (lines.length > 0) this.#append(lines);
  }

  /** A line of the supervisor's own.
   * @param {number} level @param {string} msg */
  own(level, msg) {
    this.#append([JSON.stringify({ level, time: Date.now(), service: 'start', msg })]);
  }

  close() {
    this.#closed = true;
    closeSync(this.#file);
  }
}

/** @param {string} line @returns {number | undefined} */
function levelOf(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level } = JSON.parse(line);
    return typeof level === 'number' ? level : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
