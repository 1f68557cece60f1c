import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPeer } from './run-peer.js';

export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Requests at a constant rate, or as fast as so many connections get their answers. */
export type Stream = {
  readonly name: string;
  /** The status that every answer should have. */
  readonly expect: number;
  /** In turns, again and again. */
  readonly requests: readonly Request[];
} & ({ readonly rate: number } | { readonly connections: number });

export interface Load {
  readonly port: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly streams: readonly Stream[];
}

/** Of one stream; times in ms, of a rate from the moment that a request was due. */
export interface Answers {
  readonly answered: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  /** Answers with another status than expected, by status. */
  readonly strange: Readonly<Record<string, number>>;
}

/** Loads a server of this machine from a process of its own; the answers of each stream, in their order. */
export async function loadHttp(load: Load): Promise<Answers[]> {
  const { streams } = await withFile({ host: '127.0.0.1', ...load }, (file) =>
    runPeer<{ readonly streams: Answers[] }>('http-load', [file], {}),
  );
  return streams;
}

/** What is too long for a command line, as a file while `use` runs. */
export async function withFile<T>(content: unknown, use: (path: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'mersal-bench-'));
  const path = join(directory, 'spec.json');
  writeFileSync(path, JSON.stringify(content));
  try {
    return await use(path);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
