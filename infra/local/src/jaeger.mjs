import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EngineProcess, handle, startOnFreePort } from './engines/engine-process.mjs';
import { choosePort } from './engines/free-port.mjs';

const VERSION = 'v1.76.0';

/**
 * The one that was built before, else one in PATH; undefined: there is none.
 * @param {string} cache a directory @param {NodeJS.ProcessEnv} [env]
 */
export function findJaeger(cache, env = process.env) {
  const folders = (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'jaeger'));
  return [join(cache, `jaeger-${VERSION}`), ...folders].find((path) => existsSync(path));
}

/**
 * Builds it with Go, which takes minutes, and keeps it. Its module can't be installed by `go install`, as it replaces others.
 * @param {string} cache a directory
 * @param {(command: string, args: readonly string[]) => Promise<string>} run resolves with what it wrote, rejects where it fails
 */
export async function buildJaeger(cache, run) {
  const kept = join(cache, `jaeger-${VERSION}`);
  const made = `${kept}.${process.pid}`;
  const module = `github.com/jaegertracing/jaeger@${VERSION}`;
  const told = await run('go', ['mod', 'download', '-json', module]);
  const { Dir } = /** @type {{ Dir: string }} */ (
    JSON.parse(told.slice(told.indexOf('{'), told.lastIndexOf('}') + 1))
  );
  mkdirSync(cache, { recursive: true });
  const flags = ['-buildvcs=false', '-trimpath', '-ldflags=-s -w', '-o', made];
  await run('go', ['build', '-C', Dir, ...flags, './cmd/jaeger']);
  // Half of a program would be taken for one by whoever comes next.
  renameSync(made, kept);
  return kept;
}

/**
 * Starts one on loopback that keeps traces in its memory.
 * @param {{ command: string, dir: string }} given
 */
export async function startJaeger({ command, dir }) {
  let address = { otlp: '', query: '' };
  const engine = await startOnFreePort(async () => {
    const host = '127.0.0.1';
    const [otlp, query, grpc] = [await choosePort(0), await choosePort(0), await choosePort(0)];
    address = { otlp: `http://${host}:${otlp}`, query: `http://${host}:${query}` };
    const file = join(dir, 'jaeger.json');
    mkdirSync(dir, { recursive: true });
    writeFileSync(
      file,
      JSON.stringify({
        service: {
          extensions: ['jaeger_storage', 'jaeger_query'],
          pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
          telemetry: { metrics: { level: 'none' } },
        },
        receivers: { otlp: { protocols: { http: { endpoint: `${host}:${otlp}` } } } },
        extensions: {
          jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
          jaeger_query: {
            storage: { traces: 'memory' },
            http: { endpoint: `${host}:${query}` },
            grpc: { endpoint: `${host}:${grpc}` },
          },
        },
        exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
      }),
    );
    const process = new EngineProcess({
      name: 'jaeger',
      dir,
      command,
      args: ['--config', file],
      probe: async () => {
        const answer = await fetch(`${address.query}/api/services`, { signal: AbortSignal.timeout(1_000) });
        if (!answer.ok) throw new Error('not yet');
      },
      portTaken: /address already in use/,
      readyTimeoutMs: 60_000,
    });
    return { process, ports: [otlp, query, grpc] };
  });
  return handle(engine, address);
}
