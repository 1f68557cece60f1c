import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { ownKafka, ownPostgres, ownRedis, startPipeline } from '@mersal/testkit';

/**
 * Fuzzes the API by its own OpenAPI document with schemathesis, on real engines: no 5xx, no undocumented status, content type or body.
 * Ends with the fuzzer's exit code.
 */
const { values } = parseArgs({
  options: {
    /** The program. */
    schemathesis: { type: 'string', default: 'schemathesis' },
    examples: { type: 'string', default: '10' },
    seed: { type: 'string', default: '20261124' },
    /** Longest time of the fuzzer, in s. */
    seconds: { type: 'string', default: '150' },
  },
});

/** What the answers are held to. That bad data is refused and good data taken is for our own tests: much of it is between fields. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'unsupported_method',
  'allow_header_conformance',
  'ignored_auth',
];

const [kafka, redis, postgres] = await Promise.all([ownKafka(), ownRedis(), ownPostgres()]);
try {
  const pipeline = await startPipeline({
    tenants: ['zafran', 'burger-lab'],
    // The addresses that own_addresses.py tells.
    of: { ingress: { TRUSTED_PROXIES: '127.0.0.1' } },
    engines: { kafka: kafka.brokers, redis: redis.url, postgres: postgres.url },
  });
  try {
    process.exitCode = await fuzz(pipeline.ingress, pipeline.adminToken);
  } finally {
    await pipeline.stop();
  }
} finally {
  await Promise.all([kafka.stop(), redis.stop(), postgres.stop()]);
}

function fuzz(url: string, token: string): Promise<number> {
  const args = [
    'run',
    `${url}/openapi.json`,
    '--header',
    `Authorization: Bearer ${token}`,
    '--checks',
    CHECKS.join(','),
    '--phases',
    'examples,coverage,fuzzing',
    '--max-examples',
    values.examples,
    '--seed',
    values.seed,
    '--max-time',
    values.seconds,
    '--continue-on-failure',
    '--request-timeout',
    '20',
    '--no-color',
    '--generation-database',
    'none',
    // Streams that go on for as long as somebody listens.
    '--exclude-path-regex',
    '/events$',
    '--warnings',
    'off',
  ];
  const child = spawn(values.schemathesis, args, {
    stdio: 'inherit',
    env: { ...process.env, PYTHONPATH: import.meta.dirname, SCHEMATHESIS_HOOKS: 'own_addresses' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
