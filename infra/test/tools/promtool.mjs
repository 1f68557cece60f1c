import { answers, verdictOf } from './command.mjs';

const PLACE = 'infra/observability';
const CHECKS = [
  ['check', 'config', `${PLACE}/prometheus.yml`],
  ['check', 'rules', `${PLACE}/alerts.yml`],
  ['test', 'rules', `${PLACE}/alerts.test.yml`],
];

/** The configuration, the alerts, and when they fire.
 * @param {import('./tool-checks.mjs').Context} context @returns {Promise<import('./tool-checks.mjs').CheckResult>} */
export async function checkPrometheus(context) {
  if (!(await answers(context, 'promtool', ['--version'])))
    return {
      state: 'skipped',
      reason: 'no promtool: it comes with Prometheus, on Debian apt-get install prometheus',
    };
  for (const args of CHECKS) {
    const verdict = await verdictOf(context, 'promtool', args);
    if (verdict.state !== 'passed') return verdict;
  }
  return { state: 'passed' };
}
