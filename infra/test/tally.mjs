/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/** @type {Readonly<Tally>} */
export const NOTHING = { passed: 0, failed: 0, skipped: 0 };

/** @param {Tally} a @param {Tally} b @returns {Tally} */
export function plus(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** @param {readonly Tally[]} tallies @returns {Tally} */
export function addUp(tallies) {
  return tallies.reduce(plus, NOTHING);
}

/**
 * What a run of vitest comes to, from its JSON report. A file that could not be loaded has no tests that failed, and a
 * run can fail without any (an unhandled rejection, a teardown): each of these counts as one failure.
 * @param {unknown} report undefined: there is none
 * @param {number | null} exitCode null: ended by a signal
 * @returns {Tally}
 */
export function tallyOfVitest(report, exitCode) {
  const files = fileResults(report);
  if (files === undefined) return { ...NOTHING, failed: 1 };
  const tally = { ...NOTHING };
  for (const file of files) {
    let failedHere = 0;
    for (const { status } of file.assertionResults) {
      if (status === 'passed') tally.passed += 1;
      else if (status === 'failed') failedHere += 1;
      else tally.skipped += 1;
    }
    if (failedHere === 0 && file.status === 'failed') failedHere = 1;
    tally.failed += failedHere;
  }
  if (exitCode !== 0 && tally.failed === 0) tally.failed = 1;
  return tally;
}

/** @param {unknown} report @returns {{ status: string, assertionResults: { status: string }[] }[] | undefined} */
function fileResults(report) {
  if (typeof report !== 'object' || report === null || !('testResults' in report)) return undefined;
  return Array.isArray(report.testResults) ? report.testResults : undefined;
}

/** The last line of a run: the same form always, so that other programs can read it. @param {Tally} tally */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * The tally in the last closing line of an output, or undefined when it has none.
 * @param {string} output
 * @returns {Tally | undefined}
 */
export function readClosingLine(output) {
  const last = output
    .split('\n')
    .map((line) => /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\r?$/.exec(line))
    .findLast((match) => match !== null);
  if (!last) return undefined;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) };
}
