import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { EngineProcess, handle } from './engines/engine-process.mjs';
import { buildJaeger, findJaeger } from './jaeger.mjs';

const run = promisify(execFile);
const QUERY = 'http://127.0.0.1:16686';

/** What a service needs to send its traces there. */
export const traceEnvironment = {
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  CONSOLE_TRACE_URL: `${QUERY}/trace/{traceId}`,
};

async function answers() {
  try {
    const response = await fetch(`${QUERY}/api/services`, { signal: AbortSignal.timeout(1_000) });
    return response.ok;
  } catch {
    // Nobody there is one of the two answers.
    return false;
  }
}

/** @param {string} cache @param {(detail: string) => void} tell */
async function binary(cache, tell) {
  const found = findJaeger(cache);
  if (found !== undefined) return found;
  tell('building it with Go, which takes minutes');
  try {
    return await buildJaeger(
      cache,
      async (command, args) => (await run(command, args, { timeout: 900_000 })).stdout,
    );
  } catch (error) {
    const missing = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
    const why = missing
      ? 'there is neither a jaeger nor a go in PATH'
      : `go could not build it: ${/** @type {Error} */ (error).message}`;
    throw new Error(`--traces needs Jaeger: ${why}`, { cause: error });
  }
}

/**
 * Joins a Jaeger that listens already, else starts one.
 * @param {{ dir: string, cache: string, tell: (detail: string) => void }} options
 * @returns {Promise<{ stop: () => Promise<void>, kill: () => Promise<void> }>}
 */
export async function joinJaeger({ dir, cache, tell }) {
  if (await answers()) return { stop: async () => {}, kill: async () => {} };
  const engine = new EngineProcess({
    name: 'jaeger',
    dir,
    command: await binary(cache, tell),
    args: [],
    probe: async () => {
      if (!(await answers())) throw new Error('not yet');
    },
    portTaken: /address already in use/,
    readyTimeoutMs: 30_000,
  });
  await engine.start();
  return handle(engine, {});
}

/**
 * The address of the newest trace that crosses the sender, for a person to open.
 * @returns {Promise<string | undefined>} undefined when none has come within 15 s
 */
export async function newestTrace() {
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline) {
    const response = await fetch(`${QUERY}/api/traces?service=sender&limit=1`, {
      signal: AbortSignal.timeout(3_000),
    });
    const { data } = /** @type {{ data?: { traceID: string }[] }} */ (await response.json());
    const id = data?.[0]?.traceID;
    if (id !== undefined) return `${QUERY}/api/traces/${id}`;
    await sleep(1_000);
  }
  return undefined;
}
