import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseMode, UsageError } from '../command-line.mjs';
import { planOf } from '../plan.mjs';
import { runToEnd } from '../child.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('the command line', () => {
  it('runs everything when nothing is said', () => expect(parseMode([])).toEqual({ kind: 'all' }));
  it('tells the load scenarios from the others', () => {
    expect(parseMode(['--only', 'queue'])).toEqual({ kind: 'only', filters: ['.queue.itest.ts'] });
    expect(parseMode(['--only', 'queue-load'])).toEqual({ kind: 'only', filters: ['.queue-load.itest.ts'] });
    expect('scenarios.queue-load.itest.ts').not.toContain('.queue.itest.ts');
  });
  it('takes for the cache the package, its windows, the service that judges them, and the pipeline', () => {
    const mode = parseMode(['--only', 'cache']);
    const takes = (path: string): boolean =>
      mode.kind === 'only' && mode.filters.some((filter) => path.includes(filter));
    const files = [
      'packages/template-cache/test/metrics.test.ts',
      'packages/cache-windows/test/judge.test.ts',
      'apps/cache-metrics/test/windows.itest.ts',
      'infra/pipeline/test/templates.cache.itest.ts',
    ];
    for (const file of files) {
      expect(existsSync(join(root, file))).toBe(true);
      expect([file, takes(file)]).toEqual([file, true]);
    }
    expect(takes('packages/ledger/test/ledger.itest.ts')).toBe(false);
  });
  it.each([['--only', 'lunch'], ['--only', 'toString'], ['--full', '--only', 'queue'], ['--fast'], ['more']])(
    'refuses %s %s',
    (...argv: string[]) => expect(() => parseMode(argv)).toThrow(UsageError),
  );
  it('refuses by exit code 2, with its usage', () => {
    const script = fileURLToPath(new URL('../run.mjs', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, '--fast'], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain('--only queue|queue-load|cache');
  });
});

describe('the plan', () => {
  it('builds first, and then runs beside the tests with real engines whatever only computes', () => {
    const plan = planOf('reports');
    const names = plan.map((step) => step.name);
    expect(new Set(names).size).toBe(names.length);
    expect(plan.filter(({ beside }) => !beside).map(({ name }) => name)).toEqual([
      'build',
      'integration tests',
    ]);
    expect(names).toEqual(expect.arrayContaining(['types of the tests', 'lint', 'unit tests', 'simulation']));
    const reports = plan.flatMap(({ report }) => report ?? []);
    expect(new Set(reports).size).toBe(2);
  });
  it('of one part is the build and its tests', () => {
    expect(planOf('reports', ['.queue.itest.ts']).map(({ name }) => name)).toEqual(['build', 'vitest']);
  });
});

describe('a step', () => {
  it('that takes too long is ended with its children, and says so', async () => {
    const ended = await runToEnd('sh', ['-c', 'sleep 600 & sleep 600; wait'], { cwd: here, limitMs: 300 });
    expect(ended.code).toBe(null);
    expect(ended.trouble).toMatch(/not done within/);
  });
  it('that runs beside others gives way to them, with its children', async () => {
    const niceness = 'process.exit(require("node:os").getPriority())';
    const run = (yields: boolean) =>
      runToEnd('sh', ['-c', `sleep 0.2; node -e '${niceness}'`], { cwd: here, limitMs: 20_000, yields });
    const [plain, yielding] = await Promise.all([run(false), run(true)]);
    expect(plain.code).toBe(getPriority());
    expect(yielding.code).toBe(getPriority() + 9);
  });
  it.skipIf(!existsSync('/proc/self/autogroup'))(
    'and so does its session, where Linux schedules by that',
    async () => {
      const { output } = await runToEnd('sh', ['-c', 'sleep 0.2; cat /proc/self/autogroup'], {
        cwd: here,
        limitMs: 20_000,
        yields: true,
      });
      expect(output).toMatch(new RegExp(`nice ${getPriority() + 9}$`, 'm'));
    },
  );
  it('whose command does not exist fails, and says so', async () => {
    const ended = await runToEnd('no-such-command-here', [], { cwd: here, limitMs: 5_000 });
    expect(ended).toMatchObject({ code: null, trouble: expect.stringContaining('ENOENT') });
  });
  it('gives its exit code and output', async () => {
    const ended = await runToEnd('sh', ['-c', 'echo out; echo err >&2; exit 3'], {
      cwd: here,
      limitMs: 5_000,
    });
    expect(ended).toEqual({
      code: 3,
      output: expect.stringMatching(/out[^]*err|err[^]*out/),
      trouble: undefined,
    });
  });
});
