import { runToEnd } from '../child.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

/**
 * Asks the registry for advisories against what runs in production. Where it can't be asked (no network, or a mirror that answers no
 * such question) nothing is known, which is not a pass.
 * @param {Context} context @returns {Promise<CheckResult>}
 */
export async function auditDependencies(context) {
  const args = ['audit', '--omit=dev', '--json', '--loglevel=silent'];
  const ended = await runToEnd('npm', args, { cwd: context.root, env: context.env, limitMs: 60_000 });
  return verdictOfAudit(ended.output);
}

/** @param {string} output as `npm audit --json` prints it @returns {CheckResult} */
export function verdictOfAudit(output) {
  const report = parsed(output);
  const counts = report?.metadata?.vulnerabilities;
  if (typeof counts?.high !== 'number' || typeof counts.critical !== 'number') {
    const said = typeof report?.message === 'string' ? report.message.split(' - ')[0] : 'it gave no answer';
    return {
      state: 'skipped',
      excused: true,
      reason: `the registry could not be asked for advisories: ${said}`,
    };
  }
  if (counts.high + counts.critical === 0) return { state: 'passed' };
  const names = Object.entries(report.vulnerabilities ?? {})
    .filter(([, { severity }]) => severity === 'high' || severity === 'critical')
    .map(([name, { severity }]) => `${name} (${severity})`);
  return { state: 'failed', reason: `advisories against ${names.join(', ')}: see npm audit --omit=dev` };
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
