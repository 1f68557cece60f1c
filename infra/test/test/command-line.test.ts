import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseMode, UsageError } from '../command-line.mjs';
import { planOf } from '../plan.mjs';
import { runToEnd } from '../child.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

describe('the command line', () => {
  it('runs everything when nothing is said', () => expect(parseMode([])).toEqual({ kind: 'all' }));
  it('tells the load scenarios from the others', () => {
    expect(parseMode(['--only', 'queue'])).toEqual({ kind: 'only', filters: ['.queue.itest.ts'] });
    expect(parseMode(['--only', 'queue-load'])).toEqual({ kind: 'only', filters: ['.queue-load.itest.ts'] });
    expect('scenarios.queue-load.itest.ts').not.toContain('.queue.itest.ts');
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
  it('builds first, and tests last', () => {
    const names = planOf('report.json').map((step) => step.name);
    expect(names.at(0)).toBe('build');
    expect(names.at(-1)).toBe('vitest');
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('a step', () => {
  it('that takes too long is ended with its children, and says so', async () => {
    const ended = await runToEnd('sh', ['-c', 'sleep 600 & sleep 600; wait'], { cwd: here, limitMs: 300 });
    expect(ended.code).toBe(null);
    expect(ended.trouble).toMatch(/not done within/);
  });
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
