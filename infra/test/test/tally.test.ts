import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addUp, closingLine, readClosingLine, tallyOfVitest } from '../tally.mjs';

const tally = fc.record({ passed: fc.nat(9_999), failed: fc.nat(9_999), skipped: fc.nat(9_999) });
const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});
const report = (...testResults: ReturnType<typeof file>[]) => ({ testResults });

describe('the tally of a run of vitest', () => {
  it('counts tests over all files', () => {
    const files = report(file('passed', 'passed', 'passed', 'skipped'), file('failed', 'passed', 'failed'));
    expect(tallyOfVitest(files, 1)).toEqual({ passed: 3, failed: 1, skipped: 1 });
  });
  it('counts a file that could not be loaded as a failure', () => {
    expect(tallyOfVitest(report(file('passed', 'passed'), file('failed')), 1)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
    });
  });
  it('counts a failed run as a failure even when every test passed', () => {
    expect(tallyOfVitest(report(file('passed', 'passed')), 1).failed).toBe(1);
    expect(tallyOfVitest(report(file('passed', 'passed')), null).failed).toBe(1);
  });
  it('counts a run without a report as a failure', () => {
    expect(tallyOfVitest(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(tallyOfVitest('[]', 0).failed).toBe(1);
  });
});

describe('the closing line', () => {
  it('names skipped ones only when there are any', () => {
    expect(closingLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
    expect(closingLine({ passed: 12, failed: 1, skipped: 2 })).toBe('12 passed, 1 failed, 2 skipped');
  });
  it('is read back as it was written, the last one of an output', () => {
    fc.assert(
      fc.property(tally, tally, fc.string(), (early, late, noise) => {
        const output = `${closingLine(early)}\n${noise}\n${closingLine(late)}\nafterwards\n`;
        expect(readClosingLine(output)).toEqual(late);
      }),
    );
  });
  it('is nothing else that looks a bit like it', () => {
    expect(readClosingLine('Tests  3 passed, 1 failed\n 3 passed, 1 failed\n3 passed, 1 failed.')).toBe(
      undefined,
    );
  });
  it('adds up in any order', () => {
    fc.assert(
      fc.property(fc.array(tally), (tallies) => {
        const sum = addUp(tallies);
        expect(addUp(tallies.toReversed())).toEqual(sum);
        expect(sum.passed).toBe(tallies.reduce((all, each) => all + each.passed, 0));
        expect(sum.failed).toBe(tallies.reduce((all, each) => all + each.failed, 0));
        expect(sum.skipped).toBe(tallies.reduce((all, each) => all + each.skipped, 0));
      }),
    );
  });
});

describe('adding up the outputs of several runs', () => {
  const script = fileURLToPath(new URL('../add-up.mjs', import.meta.url));
  const inFiles = (outputs: string[], use: (paths: string[]) => void) => {
    const directory = mkdtempSync(join(tmpdir(), 'mersal-add-up-'));
    try {
      const paths = outputs.map((output, n) => {
        const path = join(directory, `${n}.log`);
        writeFileSync(path, output);
        return path;
      });
      use(paths);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
  it('ends with one line for all', () =>
    inFiles(['x\n10 passed, 0 failed\n', '2 passed, 0 failed, 1 skipped\n'], (paths) => {
      const said = execFileSync(process.execPath, [script, ...paths], { encoding: 'utf8' });
      expect(said).toBe('12 passed, 0 failed, 1 skipped\n');
    }));
  it('counts a run that did not come to its end as a failure', () =>
    inFiles(['10 passed, 0 failed\n', 'killed in its midst'], (paths) => {
      const { status, stdout } = spawnSync(process.execPath, [script, ...paths], { encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stdout.trimEnd().split('\n').at(-1)).toBe('10 passed, 1 failed');
    }));
});
